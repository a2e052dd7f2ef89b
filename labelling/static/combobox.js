/**
 * A field for a tag with the project's words as suggestions: arrow keys and Enter, a finger, or just typing on. The
 * pattern is ARIA's combobox with a list: focus stays in the field, which says which option is active.
 */

import { gettext, interpolate, ngettext } from './texts.js';

const PAUSE_MS = 150;

/** @typedef {{word: string, n: number}} Suggestion */

let n_fields = 0;

/**
 * @param {HTMLInputElement} field in an element of position relative, in which the list is put
 * @param {string} url of the suggestions
 * @param {(word: string) => void} choose called when a suggestion is taken
 */
export function suggestTags(field, url, choose) {
  const list = document.createElement('ul');
  const count = document.createElement('p');
  list.id = `suggestions-${++n_fields}`;
  list.className = 'suggestions';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', gettext('Suggested tags'));
  list.hidden = true;
  count.className = 'visually-hidden';
  count.setAttribute('role', 'status');
  field.after(list, count);
  const says = { role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id };
  for (const [name, value] of Object.entries(says)) field.setAttribute(name, value);

  /** @type {Map<string, Suggestion[]>} by what was typed */
  const known = new Map();
  let active = -1;
  let pause = 0;

  async function look() {
    const starts = begun(field.value);
    const found = known.get(starts) ?? (await asked(url, starts));
    known.set(starts, found);
    if (starts === begun(field.value) && document.activeElement === field) show(found);
  }

  /** @param {Suggestion[]} found */
  function show(found) {
    active = -1;
    field.removeAttribute('aria-activedescendant');
    list.replaceChildren(...found.map(option));
    const isOpen = found.length > 0;
    list.hidden = !isOpen;
    field.setAttribute('aria-expanded', String(isOpen));
    const text = ngettext('%(n)s suggestion', '%(n)s suggestions', found.length);
    count.textContent = isOpen ? interpolate(text, { n: found.length }) : '';
  }

  /** @param {Suggestion} suggestion @param {number} index */
  function option({ word, n }, index) {
    const item = document.createElement('li');
    item.id = `${list.id}-${index}`;
    item.setAttribute('role', 'option');
    item.setAttribute('aria-selected', 'false');
    item.dataset.word = word;
    const name = document.createElement('bdi');
    name.textContent = `#${word}`;
    const times = document.createElement('span');
    times.className = 'n';
    times.textContent = n.toLocaleString(document.documentElement.lang || 'en');
    item.append(name, ' ', times);
    item.addEventListener('pointerdown', (event) => event.preventDefault()); // the field keeps the focus
    item.addEventListener('click', () => take(word));
    return item;
  }

  /** @param {string} word */
  function take(word) {
    show([]);
    choose(word);
  }

  /** @param {number} step */
  function move(step) {
    const items = [...list.children];
    items[active]?.setAttribute('aria-selected', 'false');
    active = ((active + step + 1 + items.length + 1) % (items.length + 1)) - 1; // -1 is the field itself
    items[active]?.setAttribute('aria-selected', 'true');
    items[active]?.scrollIntoView({ block: 'nearest' });
    if (items[active]) field.setAttribute('aria-activedescendant', items[active].id);
    else field.removeAttribute('aria-activedescendant');
  }

  field.addEventListener('input', () => {
    clearTimeout(pause);
    pause = setTimeout(look, PAUSE_MS);
  });
  field.addEventListener('focus', look);
  field.addEventListener('blur', () => show([]));
  field.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (list.hidden) look();
      else move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      event.stopPropagation(); // the list closes, and not a dialog around it
      show([]);
    } else if (event.key === 'Enter' && active >= 0) {
      event.preventDefault();
      take(/** @type {HTMLElement} */ (list.children[active]).dataset.word ?? '');
    }
  });
}

/** What suggestions are asked for: the server knows the rest of the rules. @param {string} typed */
const begun = (typed) => typed.trim().replace(/^#+/, '').toLowerCase();

/** None where the network is away: suggestions are a help, and no need. @param {string} url @param {string} starts @returns {Promise<Suggestion[]>} */
async function asked(url, starts) {
  const reply = await fetch(`${url}?starts=${encodeURIComponent(starts)}`, { credentials: 'same-origin' }).catch(() => null);
  return reply?.ok ? (await reply.json()).tags : [];
}
