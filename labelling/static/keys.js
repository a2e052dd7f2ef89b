/** What each key does, in one table: the page obeys it, and the dialog of keys is drawn from it. */

import { keep, kept } from './shelf.js';
import { gettext } from './texts.js';

/**
 * @typedef {{keys: string[], told: string, label: string, does: (key: string) => unknown, isAlways?: boolean}} Deed
 * `isAlways`: it works while nothing is asked, too.
 */

const SWITCH = 'voorwerp.keys';
const TYPED_INTO = 'input:not([type=checkbox], [type=range]), textarea, select, [contenteditable]';

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** @param {Deed[]} deeds @param {() => boolean} isAsking */
export function obey(deeds, isAsking) {
  const onOff = element('keys-on');
  onOff.checked = kept(SWITCH) !== false;
  onOff.addEventListener('change', () => keep(SWITCH, onOff.checked));
  element('keys-list').replaceChildren(...deeds.filter((deed) => deed.label).flatMap(line));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const said = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const key = deeds.some(({ keys }) => keys.includes(said)) ? said : placeOf(event);
    const deed = deeds.find(({ keys }) => keys.includes(key));
    if (!deed || !may(deed, event, onOff.checked) || !(deed.isAlways || isAsking())) return;
    event.preventDefault();
    if (!event.repeat || key.startsWith('Arrow') || key === '+' || key === '-') deed.does(key);
  });
}

/**
 * What a key of this place says on most keyboards: for a digit that needs Shift on this one (a French keyboard's), and
 * for a letter of another alphabet.
 * @param {KeyboardEvent} event
 */
function placeOf({ key, code, shiftKey }) {
  const [, kind, name] = /^(Digit|Key)(.)$/.exec(code) ?? ['', '', ''];
  return kind === 'Digit' ? (shiftKey ? '' : name) : key > '\x7f' ? name.toLowerCase() : '';
}

/** Whether this key press is ours: not typed into a field or before a dialog, and no button's own Enter. @param {Deed} deed @param {KeyboardEvent} event @param {boolean} isOn */
function may(deed, event, isOn) {
  const target = /** @type {Element} */ (event.target);
  if (document.querySelector('dialog[open]') && event.key !== '?') return false;
  if (target.matches(TYPED_INTO) || (event.key === '?' && target.closest('dialog:not(#keys)'))) return false;
  if (target.matches('[type=range]') && event.key.startsWith('Arrow')) return false;
  if (event.key === 'Enter') return !target.closest('button, a, summary');
  return isOn || event.key.length > 1;
}

/** @param {Deed} deed */
function line({ told, label }) {
  const keys = document.createElement('dt');
  const what = document.createElement('dd');
  for (const part of told.split(' ')) {
    const key = document.createElement('kbd');
    key.textContent = part;
    keys.append(key, ' ');
  }
  what.textContent = label;
  return [keys, what];
}

/** Show the keys, or put them away. */
export function toggleKeys() {
  const dialog = /** @type {HTMLDialogElement} */ (element('keys'));
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

/**
 * The page's keys.
 * @param {Record<'answer' | 'back' | 'undo' | 'confirm' | 'skip' | 'favourite' | 'pan', (key: string) => unknown>} does
 * @returns {Deed[]}
 */
export function deedsOf(does) {
  /** @type {(id: string) => () => void} a key for a button that is there */
  const press = (id) => () => element(id)?.hidden === false && element(id).click();
  const tool = (/** @type {string} */ id) => () => element(id).click();
  const arrows = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];
  return [
    { keys: [...'123456789'], told: '1 … 9', label: gettext('choose, or tick, that answer'), does: does.answer },
    { keys: ['Enter'], told: 'Enter', label: gettext('continue after ticking'), does: does.confirm },
    { keys: ['Backspace'], told: 'Backspace', label: gettext('back to the question before'), does: does.back },
    { keys: ['u'], told: 'U', label: gettext('undo the last galaxy'), does: does.undo, isAlways: true },
    { keys: ['s'], told: 'S', label: gettext('skip: can’t tell'), does: does.skip },
    { keys: ['f'], told: 'F', label: gettext('add to my favourites'), does: does.favourite },
    { keys: ['i'], told: 'I', label: gettext('invert the colours'), does: tool('invert') },
    { keys: ['r'], told: 'R', label: gettext('rotate by a quarter'), does: tool('rotate') },
    { keys: ['x'], told: 'X', label: gettext('flip left and right'), does: tool('flip') },
    { keys: ['+', '='], told: '+', label: gettext('zoom in'), does: tool('zoom-in') },
    { keys: ['-', '_'], told: '-', label: gettext('zoom out'), does: tool('zoom-out') },
    { keys: arrows, told: '← → ↑ ↓', label: gettext('move, when zoomed in'), does: does.pan },
    { keys: ['0'], told: '0', label: gettext('image as it came'), does: tool('reset') },
    { keys: ['t'], told: 'T', label: gettext('tutorial'), does: press('open-tutorial') },
    { keys: ['h'], told: 'H', label: gettext('help with this question'), does: press('open-help') },
    { keys: ['?'], told: '?', label: gettext('show or hide these keys'), does: toggleKeys, isAlways: true },
  ];
}
