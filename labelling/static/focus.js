/** Focus is moved on purpose, and never lost: what goes from under it hands it to the question, or what is in its place. */

/** To what is asked, or to why nothing is, or to the word that something is on its way. */
export function focusOnQuestion() {
  const places = ['question', 'notice-title', 'coming'].map((id) => document.getElementById(id));
  const place = places.find((each) => each?.checkVisibility() && !each.closest('[inert]'));
  place?.focus({ preventScroll: true });
}

/**
 * Other words in a heading, as a new element: one that has the focus already would take it again without a word of it
 * being read out.
 * @param {string} id @param {string} text @returns {HTMLElement} what stands there now
 */
export function retitle(id, text) {
  const before = /** @type {HTMLElement} */ (document.getElementById(id));
  const heading = /** @type {HTMLElement} */ (before.cloneNode(false));
  heading.textContent = text;
  before.replaceWith(heading);
  return heading;
}

/** Change the page where that may take a part of it away. @param {() => void} change */
export function keepFocus(change) {
  const before = document.activeElement;
  change();
  if (before && before !== document.body && isGone(before) && !document.querySelector('dialog[open]')) focusOnQuestion();
}

/** @param {Element} node */
const isGone = (node) => !node.isConnected || !node.checkVisibility() || node.closest('[inert]') !== null;

// A dialog gives the focus back to what had it; where that is gone, or was in a menu that is closed, the question has it.
document.addEventListener(
  'close',
  () => {
    const { activeElement: now } = document;
    if (!now || now === document.body || isGone(now)) focusOnQuestion();
  },
  true,
);
