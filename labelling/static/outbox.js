/**
 * What is on its way to the server: votes, skips, reports. Each is kept in this browser until the server has answered
 * it, and is sent in order, in the background, by one tab at a time. A vote goes under its own UUID again and again: so
 * a lost reply, a closed lid or a closed page neither loses it nor counts it twice.
 */

import { isOurs, post, reason } from './post.js';
import { alone, drop, isFleeting, keep, kept, namesOf } from './shelf.js';

/**
 * @typedef {{id: string, kind: 'vote' | 'skip' | 'report', url: string, project: string, body: any, at: number,
 *   isTried?: boolean}} Letter
 * @typedef {{kind: 'taken', reply: any} | {kind: 'refused', message: string}} Outcome
 * @typedef {{letter: Letter, outcome: Outcome}} Answered
 */

const PREFIX = 'voorwerp.out.';
const LOCK = 'voorwerp.out';
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** What the tab that wrote a letter has for sending it: at once, one that waits for it may not see yet that it is gone. */
const ITS_TABS_TURN_MS = 2000;

/** Fires `change` when what waits changes, and `answered` (detail: Answered) in every tab. */
export class Outbox extends EventTarget {
  constructor() {
    super();
    /** True from a send that failed to the next that does not. */
    this.isStuck = false;
    /** Why the server turns this page away, whatever it sends. */
    this.barred = '';
    this.wake = () => {};
    this.others = typeof BroadcastChannel === 'function' ? new BroadcastChannel(LOCK) : null;
    this.others?.addEventListener('message', (event) => this.tell('answered', event.data));
    window.addEventListener('storage', ({ key, newValue }) => {
      this.tell('change');
      // The tab that wrote it may be gone before it is sent.
      if (newValue && key?.startsWith(PREFIX)) setTimeout(() => this.wake(), ITS_TABS_TURN_MS);
    });
    window.addEventListener('beforeunload', (event) => {
      if (this.letters.some(({ id }) => isFleeting(PREFIX + id))) event.preventDefault(); // the browser asks: leave?
    });
    window.addEventListener('online', () => this.wake());
  }

  /** Letters that wait, the oldest first. @returns {Letter[]} */
  get letters() {
    const letters = namesOf(PREFIX).map(kept).filter(Boolean);
    return letters.sort((a, b) => a.at - b.at);
  }

  /** Keep a letter, and have it sent. @param {Omit<Letter, 'at'>} letter */
  put(letter) {
    const last = this.letters.at(-1);
    keep(PREFIX + letter.id, { ...letter, at: Math.max(Date.now(), (last?.at ?? 0) + 1) });
    this.tell('change');
    this.wake();
  }

  /** @param {string} id */
  has(id) {
    return kept(PREFIX + id) !== null;
  }

  /** Take back a letter that the server cannot have seen; null when it may have. @param {string} id @returns {Promise<Letter | null>} */
  async takeBack(id) {
    if (kept(PREFIX + id)?.isTried) return null; // without waiting for the answer to it
    return alone(LOCK, async () => {
      const letter = /** @type {Letter | null} */ (kept(PREFIX + id));
      if (!letter || letter.isTried) return null;
      drop(PREFIX + id);
      this.tell('change');
      return letter;
    });
  }

  /** Send for as long as the page lives. */
  async run() {
    let pause = FIRST_PAUSE_MS;
    for (;;) {
      const [first] = this.letters;
      if (!first) {
        await this.sleep();
        continue;
      }
      const isThrough = await alone(LOCK, () => this.send(first.id));
      this.isStuck = !isThrough;
      this.tell('change');
      if (!isThrough) await this.sleep(pause);
      pause = isThrough ? FIRST_PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  /** One try, under the lock; false when it is worth another. @param {string} id */
  async send(id) {
    const letter = /** @type {Letter | null} */ (kept(PREFIX + id));
    if (!letter) return true; // another tab was faster
    const wasOffline = !navigator.onLine; // it is tried all the same: a server on this very machine needs no network
    if (!wasOffline && !letter.isTried) keep(PREFIX + id, { ...letter, isTried: true });
    const outcome = await this.try(letter);
    if (!outcome && wasOffline && navigator.onLine) keep(PREFIX + id, { ...letter, isTried: true });
    if (!outcome) return false;
    drop(PREFIX + id);
    this.tell('answered', { letter, outcome });
    this.others?.postMessage({ letter, outcome });
    return true;
  }

  /** @param {Letter} letter @returns {Promise<Outcome | null>} */
  async try(letter) {
    try {
      const reply = await post(letter.url, letter.body);
      // 403: this page, not the letter, is turned away. Its cookie went, and may come again with the next page.
      this.barred = reply.status === 403 ? await reason(reply) : '';
      if (reply.status >= 500 || [403, 408, 429].includes(reply.status)) return null;
      if (reply.status === 204) return { kind: 'taken', reply: null };
      if (!isOurs(reply)) return null; // a proxy's page, or that of a network which wants a sign-in of its own
      return reply.ok ? { kind: 'taken', reply: await reply.json() } : { kind: 'refused', message: await reason(reply) };
    } catch {
      return null; // no network, or no answer in time
    }
  }

  /** Until something is put, the network is back, or the time is over. @param {number} [milliseconds] @returns {Promise<void>} */
  sleep(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve; // a promise is settled once: the timer that comes later does nothing
      if (milliseconds) setTimeout(resolve, milliseconds);
    });
  }

  /** @param {string} what @param {unknown} [detail] */
  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}
