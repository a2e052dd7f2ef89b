/**
 * What the other tabs of this browser hold. The server hands a lease that no tab names to whoever asks next, as one that
 * a dead tab left; so each tab names, beside its own, those of the tabs that live.
 */

import { newUuid } from './post.js';
import { drop, keep, kept, namesOf } from './shelf.js';

const FORGOTTEN_MS = 15 * 60_000; // where a browser cannot tell which tabs live
const FIRST = 'voorwerp.first'; // when first.js of a tab has asked, until the tab has named what came
const FIRST_MS = 3000;
const LOOK_MS = 30;

export class Tabs {
  /** @param {string} project */
  constructor(project) {
    this.prefix = `voorwerp.tab.${project}.`;
    this.name = this.prefix + newUuid();
    // Held for as long as the page lives: its being held says that it does.
    navigator.locks?.request(this.name, () => new Promise(() => {}));
  }

  /** @param {string[]} tokens what this tab holds now */
  hold(tokens) {
    if (tokens.length) keep(this.name, { tokens, at: Date.now() });
    else drop(this.name);
  }

  /** What first.js has asked for is named, or did not come. */
  isNamed() {
    drop(FIRST);
  }

  /** Until no other tab has asked for what it has not named yet: it would be sent here, too. */
  async othersAreNamed() {
    while (Date.now() - Number(kept(FIRST)) < FIRST_MS) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  /** Everything is on its way back: a page that follows in this tab does not ask before it is there. */
  leave() {
    this.hold([]);
    try {
      sessionStorage.setItem('voorwerp.left', String(Date.now()));
    } catch {
      // storage is off
    }
  }

  /** Tokens that other living tabs hold. @returns {Promise<string[]>} */
  async others() {
    const held = (await navigator.locks?.query())?.held;
    const living = held && new Set(held.map((lock) => lock.name));
    const tokens = [];
    for (const name of namesOf(this.prefix)) {
      if (name === this.name) continue;
      const { tokens: theirs = [], at = 0 } = kept(name) ?? {};
      if (living ? living.has(name) : Date.now() - at < FORGOTTEN_MS) tokens.push(...theirs);
      else drop(name);
    }
    return tokens;
  }
}
