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

/** @param {HTMLElement} desk */
export async function mountTheRest(desk) {
  for (const name of MODULES) (await import(name)).mount(desk);
}
