/** The field guide: everything that can be seen here in one list, which can be searched. */

import { confession, made, newDialog, pictures } from './teaching.js';
import { gettext, interpolate, ngettext } from './texts.js';

/** @typedef {import('./guide.js').Entry} Entry */

export class FieldGuide {
  /** @param {import('./guide.js').Guide} guide */
  constructor(guide) {
    this.guide = guide;
    this.dialog = newDialog('field-guide');
    this.found = made('p');
    this.list = made('div');
    /** @type {HTMLInputElement} */
    this.search = document.createElement('input');
    this.isBuilt = false;
  }

  open() {
    if (!this.isBuilt) this.build();
    this.search.value = '';
    this.filter();
    this.dialog.dialog.showModal();
  }

  build() {
    const { title, body } = this.dialog;
    const label = made('label', gettext('Search'));
    this.isBuilt = true;
    title.textContent = gettext('Field guide');
    this.search.type = 'search';
    this.search.addEventListener('input', () => this.filter());
    label.append(this.search);
    this.found.setAttribute('role', 'status');
    this.found.className = 'small muted';
    this.list.append(...this.guide.field_guide.map((entry) => this.entry(entry)));
    body.append(label, this.found, this.list, ...confession(Object.values(this.guide.examples).flat()));
  }

  /** @param {Entry} entry */
  entry({ title, text, picture, alt, answers }) {
    const entry = document.createElement('details');
    const own = picture ? pictures([{ url: picture, caption: '', alt, is_simulated: false }]) : '';
    const list = made('ul');
    list.className = 'teach-answers';
    list.append(...answers.map((answer) => this.answer(answer)));
    const words = text.split(/\n\s*\n/).filter(Boolean);
    entry.append(made('summary', title), own, ...words.map((part) => made('p', part)), ...(answers.length ? [list] : []));
    return entry;
  }

  /** @param {Entry['answers'][number]} answer */
  answer({ column, title, text }) {
    const item = made('li');
    item.append(made('h3', title), ...(text ? [made('p', text)] : []), pictures(this.guide.examples[column] ?? []));
    return item;
  }

  /** Show what holds every word that is searched for, and open it. */
  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    /** @param {Element} node */
    const has = (node) => words.every((word) => String(node.textContent).toLowerCase().includes(word));
    let n = 0;
    for (const entry of this.list.querySelectorAll('details')) {
      entry.hidden = !has(entry);
      entry.open = words.length > 0 && !entry.hidden;
      const items = [...entry.querySelectorAll('li')];
      const isInAnswers = items.some(has);
      for (const item of items) item.hidden = isInAnswers && !has(item);
      n += Number(!entry.hidden);
    }
    const text = ngettext('%(n)s entry found', '%(n)s entries found', n);
    this.found.textContent = words.length ? interpolate(text, { n }) : '';
  }
}
