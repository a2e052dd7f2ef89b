/** A galaxy's own page: its picture in the viewer, suggestions for tags, and forms that keep what was written. */

import { suggestTags } from './combobox.js';
import { handle } from './gestures.js';
import { drawMarks } from './marks.js';
import { post, reason } from './post.js';
import { gettext } from './texts.js';
import { useTools } from './tools.js';
import { Viewer } from './viewer.js';

const PAN_PX = 60;

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

const image = JSON.parse(element('image').textContent);
if (image) showPicture();
for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll('form.say'))) enhance(form);

function showPicture() {
  const viewer = new Viewer(element('frame'));
  viewer.addEventListener('change', () => drawMarks(viewer, image));
  handle(viewer);
  useTools(viewer);
  viewer.show(element('galaxy'), element('galaxy').alt);
  element('frame').addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
    if (viewer.view.zoom === 1 || (x === 0 && y === 0)) return;
    event.preventDefault();
    viewer.moveBy(PAN_PX * x, PAN_PX * y);
  });
}

/** Sent by script, so that a refusal leaves what was written where it is. @param {HTMLFormElement} form */
function enhance(form) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
  const refusal = /** @type {HTMLElement} */ (form.querySelector('.refusal'));
  const field = form.querySelector('input[name=word]');
  if (field instanceof HTMLInputElement) {
    suggestTags(field, form.dataset.suggestions ?? '', (word) => {
      field.value = word;
      form.requestSubmit();
    });
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    refusal.textContent = '';
    const { csrfmiddlewaretoken, ...said } = Object.fromEntries(new FormData(form));
    const reply = await post(form.action, said).catch(() => null);
    if (reply?.ok) return again(form, await reply.json());
    refusal.textContent = reply ? await reason(reply) : gettext('That needs the network. What you wrote stays here.');
    button.disabled = false;
  });
}

/** The page with what is new on it. @param {HTMLFormElement} form @param {{comment?: number}} told */
function again(form, told) {
  form.reset(); // else some browsers write it back
  const place = told.comment ? `#comment-${told.comment}` : '#tags';
  history.replaceState(null, '', location.pathname + place);
  location.reload();
}
