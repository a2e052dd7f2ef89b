/** Translators save a text with Ctrl and Enter, without leaving the keyboard. */

document.querySelector('.texts')?.addEventListener('keydown', (event) => {
  const { key, ctrlKey, metaKey, target } = /** @type {KeyboardEvent} */ (event);
  if (key !== 'Enter' || !(ctrlKey || metaKey) || !(target instanceof HTMLTextAreaElement)) return;
  event.preventDefault();
  target.form?.requestSubmit();
});
