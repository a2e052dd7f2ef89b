/** A form that says what it would do: as its fields change, the page's preview is asked for anew. The button saves. */

const PAUSE_MS = 250;
const form = /** @type {HTMLFormElement} */ (document.querySelector('form[data-preview]'));
let waiting = 0;
let asked = 0;

async function look() {
  const turn = ++asked;
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (name !== 'csrfmiddlewaretoken') fields.set(name, String(value));
  const reply = await fetch(`${form.action}?${fields}`, { credentials: 'same-origin' }).catch(() => null);
  if (!reply?.ok || reply.redirected || turn !== asked) return; // half a number is no rule, and says nothing
  const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
  const fresh = page.getElementById(form.dataset.preview);
  if (fresh && turn === asked) document.getElementById(form.dataset.preview).replaceChildren(...fresh.childNodes);
}

form.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, PAUSE_MS);
});
