/** The last three galaxies, each of which can be taken back for ten minutes; they outlive a reload of the page. */

import { keepFocus } from './focus.js';
import { gettext, interpolate } from './texts.js';

/**
 * @typedef {{uuid: string, at: number, assignment: import('./ahead.js').Assignment,
 *   walk: Record<string, string | string[]>}} Done
 */

const N = 3;
const MINUTES = 10;
const LOOK_MS = 15_000;

export class JustDone {
  /** @param {string} project @param {(done: Done) => void} undo */
  constructor(project, undo) {
    this.key = `voorwerp.done.${project}`;
    this.undo = undo;
    /** @type {Done[]} the last one first */
    this.list = this.stored();
    this.drawn = '';
    setInterval(() => this.change(this.list), LOOK_MS);
    this.change(this.list);
  }

  get last() {
    return this.list.at(0);
  }

  /** @param {string} uuid */
  find(uuid) {
    return this.list.find((done) => done.uuid === uuid);
  }

  /** @param {Done} done */
  add(done) {
    this.change([done, ...this.list]);
  }

  /** It was practice, was refused, or is taken back. @param {string} uuid */
  remove(uuid) {
    this.change(this.list.filter((done) => done.uuid !== uuid));
  }

  /** @param {Done[]} list */
  change(list) {
    this.list = list.filter(isYoung).slice(0, N);
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.list));
    } catch {
      // no storage: a reload forgets them, the votes stand
    }
    const uuids = this.list.map(({ uuid }) => uuid).join();
    if (uuids !== this.drawn) keepFocus(() => this.draw());
    this.drawn = uuids;
  }

  draw() {
    const strip = /** @type {HTMLElement} */ (document.getElementById('just-done'));
    const list = /** @type {HTMLElement} */ (document.getElementById('done-list'));
    strip.hidden = this.list.length === 0;
    list.replaceChildren(...this.list.map((done, index) => this.item(done, index)));
  }

  /** @param {Done} done @param {number} index */
  item(done, index) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    const { name } = done.assignment.galaxy;
    const label = interpolate(gettext('Undo %(name)s'), { name });
    button.type = 'button';
    button.title = label;
    if (done.assignment.image) {
      const thumb = document.createElement('img');
      Object.assign(thumb, { src: done.assignment.image.url, alt: '', width: 40, height: 40 });
      button.append(thumb);
    }
    const text = document.createElement('span');
    text.textContent = index === 0 ? gettext('Undo') : '';
    button.append(text);
    button.setAttribute('aria-label', label);
    button.addEventListener('click', () => this.undo(done));
    item.append(button);
    return item;
  }

  /** @returns {Done[]} */
  stored() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key) ?? '[]');
    } catch {
      return [];
    }
  }
}

/** @param {Done} done */
const isYoung = ({ at }) => Date.now() - at < MINUTES * 60_000;
