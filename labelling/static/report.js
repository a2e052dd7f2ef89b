/** The dialog in which a volunteer says what is wrong with an image. */

/** @param {(why: string, text: string) => void} report @param {() => boolean} isAsking */
export function offerReport(report, isAsking) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById('report'));
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector('form'));
  document.getElementById('open-report')?.addEventListener('click', () => {
    if (!isAsking()) return;
    form.reset();
    dialog.showModal();
  });
  document.getElementById('report-cancel')?.addEventListener('click', () => dialog.close());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const said = new FormData(form);
    dialog.close(); // first, for it gives the focus back to its button, and the next question is to have it
    report(String(said.get('why')), String(said.get('text')).trim());
  });
}
