/** What the dialogs that teach are made of: the dialog, with its title and its way out, and example pictures. */

import { gettext, interpolate } from './texts.js';

let n = 0;

/**
 * A modal dialog of the page, named by its title. The browser keeps the focus inside and gives it back afterwards.
 * @param {string} kind its class
 */
export function newDialog(kind) {
  const dialog = document.createElement('dialog');
  const title = made('h2');
  const head = made('div');
  const body = made('div');
  dialog.className = `teach ${kind}`;
  title.id = `teach-${(n += 1)}`;
  dialog.setAttribute('aria-labelledby', title.id);
  head.className = 'teach-head';
  body.className = 'teach-body';
  body.tabIndex = 0; // so that the arrow keys scroll it
  body.autofocus = true;
  head.append(title, closer(dialog));
  dialog.append(head, body);
  dialog.addEventListener('click', (event) => event.target === dialog && isOutside(dialog, event) && dialog.close());
  document.getElementById('main')?.append(dialog);
  return { dialog, title, body };
}

/** @param {HTMLDialogElement} dialog @param {MouseEvent} event */
function isOutside(dialog, event) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
}

/** @param {HTMLDialogElement} dialog */
function closer(dialog) {
  const button = made('button', '×');
  button.setAttribute('type', 'button');
  button.setAttribute('aria-label', gettext('Close'));
  button.className = 'close';
  button.addEventListener('click', () => dialog.close());
  return button;
}

/**
 * Example pictures in a row; one that does not load is left out.
 * @param {import('./guide.js').Example[]} examples @param {string} [told] what stands beside them already, and is not read out with each
 */
export function pictures(examples, told) {
  const row = made('div');
  row.className = 'teach-pictures';
  for (const [place, { url, caption, alt: whole, is_simulated }] of examples.entries()) {
    const count = { n: place + 1, total: examples.length };
    const alt = told && whole.includes(told) ? interpolate(gettext('Example %(n)s of %(total)s'), count) : whole;
    const figure = made('figure');
    const picture = document.createElement('img');
    Object.assign(picture, { loading: 'lazy', decoding: 'async', width: 160, height: 160, alt, src: url });
    picture.addEventListener('error', () => figure.remove());
    figure.append(picture, ...(caption ? [made('figcaption', caption)] : []));
    figure.dataset.simulated = String(is_simulated);
    row.append(figure);
  }
  return row;
}

/** Said once beneath pictures of which any is simulated. @param {import('./guide.js').Example[]} examples */
export function confession(examples) {
  if (!examples.some(({ is_simulated }) => is_simulated)) return [];
  const line = made('p', gettext('The example pictures are simulated: a program drew them.'));
  line.className = 'small muted';
  return [line];
}

/** @param {string} name @param {string} [text] */
export function made(name, text = '') {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}
