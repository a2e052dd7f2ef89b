/**
 * Votes on their way. Each is kept in this browser under its own UUID until the server has acknowledged it, and is sent
 * again under the same UUID: so a lost reply, a closed lid or a closed page neither loses a vote nor counts it twice.
 */

/**
 * @typedef {{uuid: string, token: string, walk: Record<string, string | string[]>}} Vote
 * @typedef {{kind: 'saved', n: number} | {kind: 'refused' | 'barred', message: string}} Outcome
 */

const PREFIX = 'voorwerp.vote.';
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const PATIENCE_MS = 20_000;

/** A random UUID; `crypto.randomUUID` is missing where the page came over plain HTTP from another machine. */
export function newUuid() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Django's token for this session, as its cookie has it now: a sign-in in another tab changes it. */
export function csrfToken() {
  const cookie = document.cookie.split('; ').find((part) => part.startsWith('csrftoken='));
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector('[name=csrfmiddlewaretoken]'));
  return cookie ? cookie.slice('csrftoken='.length) : (field?.value ?? '');
}

/** POST as JSON; a server that does not answer in time counts as no answer. @param {string} url @param {unknown} body */
export async function post(url, body) {
  const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': csrfToken(), Accept: 'application/json' };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'same-origin', signal });
}

export class Outbox {
  /**
   * @param {string} url
   * @param {(seconds: number) => void} onWaiting called before each pause, with its length
   */
  constructor(url, onWaiting) {
    this.url = url;
    this.onWaiting = onWaiting;
    this.wake = () => {};
    window.addEventListener('online', () => this.retryNow());
  }

  /** Stop pausing and try again at once. */
  retryNow() {
    this.wake();
  }

  /** Send a vote until the server has answered it, one way or the other. @param {Vote} vote @returns {Promise<Outcome>} */
  async send(vote) {
    remember(vote);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const outcome = await this.try(vote);
      if (outcome) {
        if (outcome.kind !== 'barred') forget(vote);
        return outcome;
      }
      this.onWaiting(pause / 1000);
      await this.sleep(pause);
    }
  }

  /** Try once each vote that an earlier page could not bring home. @returns {Promise<Outcome[]>} those answered now */
  async sendLeftovers() {
    const outcomes = [];
    for (const vote of leftovers()) {
      const outcome = await this.try(vote);
      if (!outcome || outcome.kind === 'barred') break; // still no way through; they stay
      forget(vote);
      outcomes.push(outcome);
    }
    return outcomes;
  }

  /** One try; null when it is worth another. @param {Vote} vote @returns {Promise<Outcome | null>} */
  async try(vote) {
    try {
      const reply = await post(this.url, vote);
      if (reply.status >= 500 || reply.status === 429 || reply.status === 408) return null;
      if (reply.ok) return { kind: 'saved', n: (await reply.json()).n_classifications_by_you };
      // 403: this page, not the vote, is turned away. The cookie went, and comes again with the next page.
      return { kind: reply.status === 403 ? 'barred' : 'refused', message: await reason(reply) };
    } catch {
      return null; // no network, no answer in time, or a proxy's page in place of ours
    }
  }

  /** @param {number} milliseconds @returns {Promise<void>} */
  sleep(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve; // a promise is settled once: the timer that comes later does nothing
      setTimeout(resolve, milliseconds);
    });
  }
}

/** The server's own words for a refusal, when it has some. @param {Response} reply */
export async function reason(reply) {
  const isJson = reply.headers.get('Content-Type')?.startsWith('application/json');
  const error = isJson ? (await reply.json()).error : '';
  if (error) return String(error);
  if (reply.status === 403) return 'You signed in or out in another tab, or cookies are switched off. Reload the page.';
  return `The server answered ${reply.status}.`;
}

/** @returns {Vote[]} */
function leftovers() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    return keys.map((key) => JSON.parse(localStorage.getItem(key) ?? 'null')).filter(Boolean);
  } catch {
    return []; // storage is switched off, or holds what we did not write: nothing to send
  }
}

/** @param {Vote} vote */
function remember(vote) {
  try {
    localStorage.setItem(PREFIX + vote.uuid, JSON.stringify(vote));
  } catch {
    // no storage: the vote lives as long as this page does
  }
}

/** @param {Vote} vote */
function forget(vote) {
  try {
    localStorage.removeItem(PREFIX + vote.uuid);
  } catch {
    // it was never stored
  }
}
