/** Talking with the server as JSON, with Django's token against forgery. */

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

/**
 * POST as JSON; a server that does not answer in time counts as no answer. Where the token is refused, for its cookie
 * went or a sign-in elsewhere changed it, a fresh one is fetched, once.
 * @param {string} url @param {unknown} body
 */
export async function post(url, body) {
  const reply = await send(url, body);
  if (reply.status !== 403 || isJson(reply)) return reply;
  await fetch(location.pathname, { credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE_MS) });
  return send(url, body);
}

/** The server's own words for a refusal, when it has some. @param {Response} reply @returns {Promise<string>} */
export async function reason(reply) {
  const error = isJson(reply) ? (await reply.json()).error : '';
  return String(error || `${reply.status} ${reply.statusText}`);
}

/** @param {string} url @param {unknown} body */
function send(url, body) {
  const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': csrfToken(), Accept: 'application/json' };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'same-origin', signal });
}

/** Django's token for this session, as its cookie has it now. */
function csrfToken() {
  const cookie = document.cookie.split('; ').find((part) => part.startsWith('csrftoken='));
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector('[name=csrfmiddlewaretoken]'));
  return cookie ? cookie.slice('csrftoken='.length) : (field?.value ?? '');
}

/** Whether this is what our server has to say of what it was sent. @param {Response} reply */
export const isOurs = (reply) => isJson(reply) && !reply.redirected;

/** @param {Response} reply */
const isJson = (reply) => reply.headers.get('Content-Type')?.startsWith('application/json') ?? false;
