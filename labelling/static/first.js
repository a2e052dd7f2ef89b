/**
 * Asks for the first galaxy while the page's modules are still coming: no module, so that nothing else need be here.
 * Not where another tab, or what an earlier page left, has to be named to the server: then ahead.js asks.
 */

(() => {
  const JUST_MS = 3000;
  const { next } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;
  const isRecent = (/** @type {string | null} */ time) => Date.now() - Number(time) < JUST_MS;
  try {
    if (Object.keys(localStorage).some((name) => /^voorwerp\.(out|tab)\./.test(name))) return;
    // another tab asks at this moment; or this one gives back what it had before a reload
    if (isRecent(localStorage.getItem('voorwerp.first')) || isRecent(sessionStorage.getItem('voorwerp.left'))) return;
    localStorage.setItem('voorwerp.first', String(Date.now()));
  } catch {
    // storage is off: there is nothing to name
  }
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? '';
  const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': token, Accept: 'application/json' };
  const signal = AbortSignal.timeout(20_000);
  const reply = fetch(next, { method: 'POST', headers, body: '{"n": 1, "have": []}', credentials: 'same-origin', signal });
  /** @type {any} */ (window).firstReply = reply;
  reply
    .then((response) => response.clone().json())
    .then(({ assignments }) => (new Image().src = assignments[0].image.url))
    .catch(() => {}); // whoever waits for the reply hears of it
})();
