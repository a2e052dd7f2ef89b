/**
 * What volunteers are taught while they classify: the tutorial, which opens by itself on a first visit; help with the
 * question that is asked; the field guide. All of it comes as one JSON once the first galaxy is on the screen.
 */

import { FieldGuide } from './fieldguide.js';
import { Help } from './help.js';
import { keep, kept } from './shelf.js';
import { Tutorial } from './tutorial.js';

/**
 * @typedef {{url: string, caption: string, alt: string, is_simulated: boolean}} Example
 * @typedef {{title: string, text: string, picture: string | null, alt: string}} Page
 * @typedef {Page & {answers: {column: string, title: string, text: string}[]}} Entry
 * @typedef {{tutorial: Page[], tutorial_is_ours: boolean, field_guide: Entry[], hints: Record<string, string>,
 *   examples: Record<string, Example[]>, practice: boolean}} Guide
 */

const SEEN = 'voorwerp.tutorial';

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** @param {HTMLElement} desk */
export async function mount(desk) {
  const guide = await fetched(String(desk.dataset.guide));
  if (!guide) return void desk.addEventListener('galaxy', () => mount(desk), { once: true }); // the network was away
  const tree = JSON.parse(element('tree').textContent);
  const tutorial = new Tutorial(guide.tutorial);
  const fieldGuide = new FieldGuide(guide);
  const help = new Help(guide, () => fieldGuide.open());
  offer('open-tutorial', () => tutorial.open());
  offer('open-guide', () => fieldGuide.open());
  const asked = (/** @type {import('./walk.js').Question} */ { key }) => key === element('question').dataset.key;
  offer('open-help', () => help.open(tree.questions.find(asked)));
  welcome(tutorial, guide.tutorial_is_ours ? 'ours' : String(desk.dataset.project));
}

/** The tutorial of a first visit, once in this browser; who has classified here before knows the way. @param {Tutorial} tutorial @param {string} name */
function welcome(tutorial, name) {
  /** @type {string[]} */
  const seen = kept(SEEN) ?? [];
  if (seen.includes(name)) return;
  keep(SEEN, [...seen, name]);
  const isNew = element('tally').textContent.trim() === '0';
  if (isNew && !document.querySelector('dialog[open]')) tutorial.open();
}

/** @param {string} id @param {() => void} does */
function offer(id, does) {
  element(id).hidden = false;
  element(id).setAttribute('aria-haspopup', 'dialog');
  element(id).addEventListener('click', does);
}

/** @param {string} url @returns {Promise<Guide | null>} */
async function fetched(url) {
  try {
    const reply = await fetch(url);
    return reply.ok ? await reply.json() : null;
  } catch {
    return null;
  }
}
