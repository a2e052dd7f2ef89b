/**
 * Galaxies fetched and decoded before they are wanted: two, or five for a volunteer who is quick. Their leases are
 * renewed while somebody is there, named to the server so that it sends others, and given back when the page closes.
 */

import { decoded } from './pictures.js';
import { post, reason } from './post.js';
import { alone } from './shelf.js';
import { Tabs } from './tabs.js';

/**
 * @typedef {{token: string, expires_at: string, galaxy: {survey: string, name: string},
 *   image: {url: string, width_px: number, height_px: number, pixel_scale_arcsec: number | null,
 *     north_deg: number | null, east_is_left: boolean | null} | null}} Assignment
 * @typedef {{assignment: Assignment, picture: HTMLImageElement | null, walk?: import('./walk.js').Walk}} Prepared
 * @typedef {{kind: 'asking' | 'offline' | 'signed_out'} | {kind: 'refused', message: string} | {kind: 'none', why: string}} State
 */

const N_AHEAD = 2;
const N_AHEAD_WHEN_QUICK = 5;
const QUICK_MS = 4000;
const PACE_OF = 10;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 20_000;
const LOOK_MS = 5000;

/** What first.js has asked for, once. @returns {Promise<Response> | undefined} */
function firstReply() {
  const { firstReply: reply } = /** @type {any} */ (window);
  delete (/** @type {any} */ (window).firstReply);
  return reply?.then((/** @type {Response} */ response) => (response.status === 403 ? Promise.reject(response) : response));
}

/** Fires `change` when a galaxy is ready, and when why there is none changes. */
export class Ahead extends EventTarget {
  /**
   * @param {{next: string, giveBack: string, project: string, isSignedIn: boolean}} where
   * @param {() => string[]} onTheirWay tokens whose letters the server has not answered yet
   */
  constructor({ next, giveBack, project, isSignedIn }, onTheirWay) {
    super();
    this.url = next;
    this.returnUrl = giveBack;
    this.lock = `voorwerp.next.${project}`;
    this.tabs = new Tabs(project);
    this.isSignedIn = isSignedIn;
    this.onTheirWay = onTheirWay;
    /** @type {Prepared | null} */
    this.inHand = null;
    /** @type {Prepared[]} */
    this.ready = [];
    /** @type {Assignment[]} whose pictures are not here yet */
    this.coming = [];
    /** @type {State} */
    this.state = { kind: 'asking' };
    /** @type {number[]} what each of the last galaxies took, in ms */
    this.paces = [];
    this.pause = FIRST_PAUSE_MS;
    this.retry = 0;
    this.isAsking = this.isWanting = false;
    this.isThere = true;
    this.leaseMs = this.renewAt = this.expireAt = Infinity;
    window.addEventListener('online', () => this.fill());
    for (const sign of ['pointerdown', 'keydown']) window.addEventListener(sign, () => (this.isThere = true));
    document.addEventListener('visibilitychange', () => document.hidden || this.freshen());
    setInterval(() => this.freshen(), LOOK_MS);
  }

  /** Leases that this tab holds. */
  get tokens() {
    const held = [this.inHand, ...this.ready].flatMap((prepared) => (prepared ? [prepared.assignment] : []));
    return [...held, ...this.coming].map(({ token }) => token);
  }

  /** How many to have ahead, by the pace of the last ten. */
  get depth() {
    const isQuick = this.paces.length === PACE_OF && this.paces.reduce((a, b) => a + b) < PACE_OF * QUICK_MS;
    return isQuick ? N_AHEAD_WHEN_QUICK : N_AHEAD;
  }

  /** The next galaxy into the hand, at once; null when none is ready. @returns {Prepared | null} */
  take() {
    this.letGoOfExpired();
    this.inHand = this.ready.shift() ?? null;
    if (this.inHand) this.fill();
    return this.inHand;
  }

  /** This galaxy into the hand, and the one that was in it to the front. @param {Prepared} prepared */
  takeInstead(prepared) {
    if (this.inHand) this.ready.unshift(this.inHand);
    this.inHand = prepared;
    this.tabs.hold(this.tokens);
  }

  /** The lease in hand belongs to a letter now. @param {number} [milliseconds] that its answers took */
  letGo(milliseconds) {
    this.inHand = null;
    this.tabs.hold(this.tokens);
    if (milliseconds !== undefined) this.paces = [...this.paces, milliseconds].slice(-PACE_OF);
  }

  /** Ask for as many galaxies as are wanting; to ask renews the leases that are named. */
  async fill(isRenewing = false) {
    if (this.state.kind === 'signed_out') return;
    if (this.isAsking) return void (this.isWanting = true);
    if (this.tokens.length > this.depth && !isRenewing) return;
    this.isAsking = true;
    this.isWanting = false;
    clearTimeout(this.retry);
    /** @type {Assignment[]} */
    let assignments = [];
    try {
      const first = firstReply();
      if (!first) await this.tabs.othersAreNamed();
      assignments = await alone(this.lock, () => this.ask(first)).finally(() => first && this.tabs.isNamed());
      this.pause = FIRST_PAUSE_MS;
      for (const assignment of assignments) await this.prepare(assignment);
    } catch {
      this.isWanting = false;
      this.become({ kind: 'offline' });
      this.retry = setTimeout(() => this.fill(), this.pause);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
    }
    this.isAsking = false;
    if (assignments.length || this.isWanting) this.fill(); // a galaxy was taken, or a vote arrived, meanwhile
  }

  /** Ask for one in hand and some ahead, less those that are here. @param {Promise<Response>} [first] which is asked already */
  async ask(first) {
    const n = Math.max(0, 1 + this.depth - this.tokens.length);
    const reply = await (first ?? post(this.url, { n, have: await this.named() }));
    if (!reply.ok) {
      this.become({ kind: 'refused', message: await reason(reply) });
      return [];
    }
    const body = /** @type {{signed_in: boolean, assignments: Assignment[], why?: string}} */ (await reply.json());
    if (this.isSignedIn && !body.signed_in) return this.signOut(body.assignments);
    this.isSignedIn = body.signed_in;
    this.coming.push(...body.assignments);
    this.tabs.hold(this.tokens);
    this.rememberWhen(body.assignments, reply.headers.get('Date'));
    if (n) this.become(body.assignments.length ? { kind: 'asking' } : { kind: 'none', why: body.why ?? '' });
    return body.assignments;
  }

  /** What the server is not to send again. */
  async named() {
    return [...new Set([...this.tokens, ...this.onTheirWay(), ...(await this.tabs.others())])];
  }

  /** One picture after the other, so that the galaxy that is wanted first comes first. @param {Assignment} assignment */
  async prepare(assignment) {
    const picture = assignment.image && (await decoded(assignment.image.url));
    this.coming = this.coming.filter((coming) => coming !== assignment);
    this.ready.push({ assignment, picture });
    this.become({ kind: 'asking' });
  }

  /** The account's session has ended: what it holds is finished in its name, the rest goes back. @param {Assignment[]} strangers */
  signOut(strangers) {
    this.giveBackAll([...strangers, ...this.ready.map(({ assignment }) => assignment)].map(({ token }) => token));
    this.ready = [];
    this.become({ kind: 'signed_out' });
    return [];
  }

  /** By the server's clock, whatever ours says: half of a lease's time on, it is renewed. @param {Assignment[]} leases @param {string | null} date */
  rememberWhen(leases, date) {
    const now = Date.now();
    if (leases.length) {
      const ends = Math.min(...leases.map(({ expires_at }) => Date.parse(expires_at)));
      this.leaseMs = Math.max(ends - (date ? Date.parse(date) : now), LOOK_MS);
    }
    this.renewAt = now + this.leaseMs / 2;
    this.expireAt = now + this.leaseMs;
  }

  /** What expired while nobody was there (a closed lid) others may have; without a network it is finished all the same. */
  letGoOfExpired() {
    const isOver = navigator.onLine && Date.now() > this.expireAt;
    if (isOver) this.ready = this.ready.filter(({ walk }) => walk?.steps.length); // but not what is begun
  }

  /** Renew for somebody who is there. */
  freshen() {
    if (document.hidden || !this.isThere || Date.now() < this.renewAt) return;
    this.letGoOfExpired();
    this.isThere = false;
    this.renewAt = Date.now() + LOOK_MS;
    this.fill(true);
  }

  /** For a page that is being left. */
  giveBack() {
    this.giveBackAll(this.tokens);
    this.inHand = null;
    this.ready = this.coming = [];
    this.tabs.leave();
  }

  /** @param {string[]} tokens */
  giveBackAll(tokens) {
    if (!tokens.length) return;
    const form = new FormData();
    for (const token of tokens) form.append('token', token);
    navigator.sendBeacon(this.returnUrl, form);
  }

  /** @param {State} state */
  become(state) {
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}
