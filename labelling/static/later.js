/**
 * What is not needed to classify the first galaxy comes when that is on the screen. Each module has a function
 * `mount(desk)`, where desk is the page's <main>, and does the rest by its data attributes and its events:
 *
 * - `galaxy` {assignment}: another galaxy is on the screen
 * - `question` {question}: another question is asked
 * - `voted` {uuid, assignment, told}: the server has a vote, and has told what it tells after one (told.subject)
 * - `restart`: the page starts over; what was said of an earlier galaxy goes
 */

/** @type {string[]} beside this one */
const MODULES = ['./guide.js', './talk.js'];

/** Whoever is quicker than the network misses nothing: a vote that is told meanwhile is told again. @param {HTMLElement} desk */
export async function mountTheRest(desk) {
  /** @type {unknown} */
  let missed = null;
  const note = (/** @type {Event} */ event) => {
    missed = /** @type {CustomEvent} */ (event).detail;
  };
  desk.addEventListener('voted', note);
  for (const name of MODULES) (await import(name)).mount(desk);
  desk.removeEventListener('voted', note);
  if (missed) desk.dispatchEvent(new CustomEvent('voted', { detail: missed }));
}
