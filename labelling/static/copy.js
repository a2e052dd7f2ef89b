/** The button beside a link that copies it; where a page may not write to the clipboard it marks the link instead. */

const button = /** @type {HTMLButtonElement | null} */ (document.getElementById('copy'));
const link = /** @type {HTMLInputElement | null} */ (document.getElementById('link'));
const said = document.getElementById('copied');

if (button && link && said) {
  button.hidden = false;
  link.addEventListener('focus', () => link.select());
  button.addEventListener('click', async () => {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      said.textContent = button.textContent = button.dataset.copied ?? '';
    } catch {
      link.focus(); // over plain HTTP there is no clipboard: it is marked, to be copied by hand
    }
  });
}
