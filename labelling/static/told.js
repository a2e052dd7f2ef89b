/**
 * What is said of a galaxy after its vote: how a practice galaxy was meant, that one was simulated, a round-up after
 * every ten. Cards in the foot, beside the next galaxy; each goes when it is closed, or has had its time.
 */

import { keepFocus } from './focus.js';
import { drawing, inWords } from './question.js';
import { iconOf } from './icons.js';
import { gettext, interpolate, ngettext } from './texts.js';

/**
 * @typedef {{is_right: Record<string, boolean>, expected: Record<string, string | string[]>, explanation: string}} Practice
 * @typedef {{n: number, n_first: number, first: {name: string, url: string}[]}} RoundUp
 * @typedef {{is_simulated: boolean, practice: Practice | null, round_up: RoundUp | null, subject: number | null,
 *   sky_url: string | null}} Told
 * @typedef {import('./justdone.js').Done} Done
 */

/** @returns {HTMLElement} */
const place = () => /** @type {HTMLElement} */ (document.getElementById('told'));

/** @param {Told} told @param {Done} done @param {import('./walk.js').Tree} tree */
export function tell(told, done, tree) {
  if (told.practice) add('practice', practised(told, told.practice, done, tree), done);
  else if (told.is_simulated) add('simulated', simulated(), done);
  if (told.round_up) add('round-up', roundUp(told.round_up));
}

/** The next answer is given: what was said of practice has been read. */
export function forgetPractice() {
  keepFocus(() => place().querySelectorAll('.practice').forEach((card) => card.remove()));
}

/** The next galaxy is done: what was said after the one before has had its time. */
export function forgetTold() {
  keepFocus(() => place().replaceChildren());
}

/** @param {string} kind @param {Node[]} content @param {Done} [done] whose picture stands beside it */
function add(kind, content, done) {
  const card = document.createElement('article');
  card.className = `card-told ${kind}`;
  const url = done?.assignment.image?.url;
  if (url) {
    const thumb = document.createElement('img');
    Object.assign(thumb, { src: url, alt: '', width: 56, height: 56 });
    card.append(thumb);
  }
  const text = document.createElement('div');
  text.append(...content);
  card.append(text, closer(card));
  keepFocus(() => place().querySelector(`.${kind}`)?.remove());
  place().append(card);
}

/** @param {HTMLElement} card */
function closer(card) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'close';
  button.setAttribute('aria-label', gettext('Close'));
  button.textContent = '×';
  button.addEventListener('click', () => keepFocus(() => card.remove()));
  return button;
}

/** @param {string} name @param {string} text */
function made(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

function simulated() {
  return [
    made('h2', gettext('That one was simulated')),
    made('p', gettext('A program drew it. Your answers help to learn how well all of us see.')),
  ];
}

/** @param {Told} told @param {Practice} practice @param {Done} done @param {import('./walk.js').Tree} tree */
function practised({ is_simulated, sky_url }, { is_right, expected, explanation }, done, tree) {
  const others = tree.questions.filter(({ key }) => is_right[key] === false);
  const title = others.length
    ? gettext('That was practice, and it is a tricky one')
    : gettext('That was practice, and you saw what there is to see');
  const lines = others.map((question) => seenOtherwise(question, expected, done));
  const why = explanation ? [made('p', explanation)] : [];
  const drawn = is_simulated ? [made('p', gettext('This one was simulated: a program drew it.'))] : [];
  const calm = others.length ? [made('p', gettext('Practice never counts. Everybody sees some differently.'))] : [];
  return [made('h2', title), ...lines, ...why, ...drawn, ...calm, ...(sky_url ? [skyLink(sky_url)] : [])];
}

/** Another site, on a click alone. @param {string} url */
export function skyLink(url) {
  const text = gettext('See it in the sky');
  return Object.assign(document.createElement('a'), { href: url, target: '_blank', rel: 'noopener noreferrer', textContent: text });
}

/** @param {import('./walk.js').Question} question @param {Record<string, string | string[]>} expected @param {Done} done */
function seenOtherwise(question, expected, done) {
  const keys = [expected[question.key]].flat();
  const given = [done.walk[question.key] ?? []].flat();
  const line = document.createElement('p');
  line.className = 'seen';
  const icons = question.answers.filter(({ key }) => keys.includes(key)).map((answer) => iconOf(question, answer));
  line.append(...icons.flatMap((name) => (name ? [drawing(name)] : [])));
  const text = gettext('%(question)s Expected: %(expected)s. You: %(given)s.');
  const words = { question: question.text, expected: inWords(question, keys), given: inWords(question, given) };
  line.append(made('span', interpolate(text, words)));
  return line;
}

/** @param {RoundUp} round */
function roundUp({ n, n_first, first }) {
  const title = interpolate(ngettext('%(n)s more galaxy done. Thank you!', '%(n)s more galaxies done. Thank you!', n), { n });
  const text = ngettext(
    'You were the first person ever to say what this one looks like.',
    'You were the first person ever to say what these %(n)s look like.',
    n_first,
  );
  const strip = document.createElement('ul');
  strip.append(...first.map(({ name, url }) => thumb(name, url)));
  const firsts = n_first ? [made('p', interpolate(text, { n: n_first })), strip] : [];
  return [made('h2', title), ...firsts];
}

/** @param {string} name @param {string} url */
function thumb(name, url) {
  const item = document.createElement('li');
  const picture = document.createElement('img');
  Object.assign(picture, { src: url, alt: name, title: name, width: 56, height: 56 });
  item.append(picture);
  return item;
}
