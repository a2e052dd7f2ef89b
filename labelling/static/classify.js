/**
 * The classifying page: one galaxy at a time, question by question. States: asking, sending, and a notice (nothing left,
 * in other hands, an error). The lease goes back when the page is left; a page that comes back asks for another galaxy.
 */

import { newUuid, Outbox, post, reason } from './outbox.js';
import { Walk } from './walk.js';

/**
 * @typedef {{token: string, expires_at: string, galaxy: {survey: string, name: string, is_simulated: boolean},
 *   image: {url: string, width_px: number, height_px: number, pixel_scale_arcsec: number | null} | null}} Assignment
 */

const SCALE_ARCSEC = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
const SCALE_SHARE = 0.34; // the longest scale bar, as a part of the image's width

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
const desk = element('main');
const picture = /** @type {HTMLImageElement} */ (element('galaxy'));
const tree = JSON.parse(element('tree').textContent);
const outbox = new Outbox(desk.dataset.vote, sayWaiting);

/** @type {Assignment | null} */
let assignment = null;
let walk = new Walk(tree);
/** @type {string[]} ticks of the multiple-choice question that is asked now */
let ticked = [];
let isAsking = false;
let isSignedIn = desk.dataset.anonymous === 'no';

/* The server */

async function next() {
  isAsking = false;
  assignment = null;
  picture.hidden = true;
  element('asking').hidden = true;
  element('notice').hidden = true;
  element('path').replaceChildren();
  element('step').textContent = '';
  for (const id of ['galaxy-name', 'scale-length']) element(id).textContent = '';
  element('scale').hidden = element('simulated').hidden = true;
  desk.classList.add('loading');
  try {
    const reply = await post(desk.dataset.next, {});
    if (!reply.ok) return show('The next galaxy did not come', await reason(reply), ['Try again', next], RELOAD);
    const body = await reply.json();
    const wasSignedIn = isSignedIn;
    isSignedIn = body.signed_in;
    assignment = body.assignment;
    if (wasSignedIn && !isSignedIn) return signedOut();
    if (!assignment) return nothingLeft(body.why);
    await begin();
  } catch {
    show('No answer from the server', 'Your connection may be down. Nothing is lost.', ['Try again', next], RELOAD);
  } finally {
    desk.classList.remove('loading');
  }
}

async function begin() {
  if (!assignment) return;
  walk = new Walk(tree);
  if (!assignment.image) return show('No picture', 'This galaxy came without one.', ['Another galaxy', another]);
  picture.src = assignment.image.url;
  try {
    await picture.decode();
  } catch {
    return show('The picture did not load', 'It may be your connection.', ['Try again', begin], ['Another galaxy', another]);
  }
  element('notice').hidden = true;
  picture.hidden = false;
  picture.alt = `Galaxy ${assignment.galaxy.name}, the picture that the questions are about`;
  element('galaxy-name').textContent = assignment.galaxy.name;
  element('simulated').hidden = !assignment.galaxy.is_simulated;
  showScale();
  isAsking = true;
  ask();
}

async function finish() {
  if (!assignment) return;
  isAsking = false;
  desk.classList.add('loading');
  say('Saving…');
  const vote = { uuid: newUuid(), token: assignment.token, walk: walk.toJSON() };
  assignment = null; // from here on the lease belongs to the vote: leaving the page does not give it back
  const outcome = await outbox.send(vote);
  desk.classList.remove('loading');
  element('asking').inert = false;
  if (outcome.kind === 'barred') {
    say('');
    return show('This vote is not sent yet', `${outcome.message} Your answers are kept until then.`, RELOAD);
  }
  if (outcome.kind === 'refused') {
    say('');
    return show('This vote was not taken', outcome.message, ['Next galaxy', next], RELOAD);
  }
  count(outcome.n);
  say('Saved.');
  return next();
}

async function another() {
  giveBack();
  await next();
}

/** Bring home what an earlier page could not. */
async function sendLeftovers() {
  const outcomes = await outbox.sendLeftovers();
  for (const outcome of outcomes) if (outcome.kind === 'saved') count(outcome.n);
  if (outcomes.some((outcome) => outcome.kind === 'saved')) say('A vote from your last visit is saved.');
}

function giveBack() {
  if (!assignment) return;
  const form = new FormData();
  form.append('token', assignment.token);
  navigator.sendBeacon(desk.dataset.return, form);
  assignment = null;
}

/* The question */

/** @param {string[]} chosenBefore what was chosen here before the volunteer came back */
function ask(chosenBefore = []) {
  const question = walk.question;
  if (!question) {
    element('asking').inert = true;
    drawPath();
    return finish();
  }
  ticked = question.multiple ? [...chosenBefore] : [];
  element('asking').hidden = false;
  element('asking').inert = false;
  element('question').textContent = question.text;
  element('multiple-hint').hidden = !question.multiple;
  element('help').hidden = !question.help;
  element('help-text').textContent = question.help;
  element('step').textContent = `Question ${walk.steps.length + 1}`;
  element('answers').replaceChildren(
    ...question.answers.map((answer, index) =>
      question.multiple ? tickBox(answer, index) : answerButton(answer, index, chosenBefore.includes(answer.key)),
    ),
  );
  element('answers').classList.toggle('many', question.answers.length > 4);
  element('back').disabled = walk.steps.length === 0;
  element('confirm').hidden = !question.multiple;
  drawConfirm();
  drawPath();
  element('question').focus({ preventScroll: true });
}

/** @param {import('./walk.js').Answer} answer @param {number} index @param {boolean} wasChosen */
function answerButton(answer, index, wasChosen) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = wasChosen ? 'answer was' : 'answer';
  button.append(...label(answer, index));
  button.addEventListener('click', () => choose([answer.key]));
  return button;
}

/** @param {import('./walk.js').Answer} answer @param {number} index */
function tickBox(answer, index) {
  const row = document.createElement('label');
  const box = document.createElement('input');
  row.className = 'answer';
  box.type = 'checkbox';
  box.checked = ticked.includes(answer.key);
  box.addEventListener('change', () => {
    const others = ticked.filter((key) => key !== answer.key);
    ticked = box.checked ? [...others, answer.key] : others;
    drawConfirm();
  });
  row.append(box, ...label(answer, index));
  return row;
}

/** @param {import('./walk.js').Answer} answer @param {number} index */
function label(answer, index) {
  const text = document.createElement('span');
  text.append(answer.text);
  if (answer.help) {
    const help = document.createElement('small');
    help.textContent = answer.help;
    text.append(help);
  }
  if (index > 8) return [text];
  const key = document.createElement('kbd');
  key.textContent = String(index + 1);
  key.setAttribute('aria-hidden', 'true');
  return [key, text];
}

/** @param {string[]} chosen */
function choose(chosen) {
  if (!isAsking) return;
  say('');
  walk.answer(chosen);
  ask();
}

/** @param {number} index */
function backTo(index) {
  if (!isAsking || index < 0) return;
  ask(walk.backTo(index));
}

function confirmTicks() {
  const question = walk.question;
  if (!question?.multiple) return;
  const inOrder = question.answers.map((answer) => answer.key).filter((key) => ticked.includes(key));
  choose(inOrder);
}

function drawConfirm() {
  element('confirm').textContent = ticked.length ? 'Continue' : 'None of these';
}

function drawPath() {
  const items = walk.steps.map(({ question, chosen }, index) => {
    const texts = question.answers.filter((answer) => chosen.includes(answer.key)).map((answer) => answer.text);
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = texts.join(', ') || 'None of these';
    button.title = `Change: ${question.text}`;
    button.addEventListener('click', () => backTo(index));
    item.append(button);
    return item;
  });
  element('path').replaceChildren(...items);
}

/** A bar of a round length in arcseconds, when the survey told the size of a pixel. */
function showScale() {
  const image = assignment?.image;
  const scale = image?.pixel_scale_arcsec;
  element('scale').hidden = !scale;
  if (!image || !scale) return;
  const width = image.width_px * scale;
  const length = SCALE_ARCSEC.filter((arcsec) => arcsec <= width * SCALE_SHARE).at(-1) ?? SCALE_ARCSEC[0];
  element('scale').hidden = length > width;
  element('scale').style.inlineSize = `${(100 * length) / width}%`;
  element('scale-length').textContent = length < 60 ? `${length}″` : `${length / 60}′`;
}

/* What is said */

/** @typedef {[string, () => unknown]} Action */
/** @type {Action} */
const RELOAD = ['Reload the page', () => location.reload()];

/** @param {string} title @param {string} text @param {Action} [action] @param {Action} [other] */
function show(title, text, action, other) {
  isAsking = false;
  element('asking').hidden = true;
  element('notice-title').textContent = title;
  element('notice-text').textContent = text;
  for (const [id, choice] of /** @type {[string, Action | undefined][]} */ ([['notice-action', action], ['notice-other', other]])) {
    const button = element(id);
    button.hidden = !choice;
    if (!choice) continue;
    button.textContent = choice[0];
    button.onclick = choice[1];
  }
  element('notice').hidden = false;
  element('notice-title').focus({ preventScroll: true });
}

/** Both ways on leave this page, which names an account that it no longer has; the galaxy in hand goes back. */
function signedOut() {
  const text = 'Your votes so far are saved. Sign in again, or go on without an account.';
  /** @type {Action} */
  const signIn = ['Sign in', () => location.assign(desk.dataset.login)];
  show('You have been signed out', text, signIn, ['Go on without an account', RELOAD[1]]);
}

/** @param {string} why */
function nothingLeft(why) {
  /** @type {Action} */
  const home = ['Other projects', () => location.assign('/')];
  if (why === 'in_other_hands') {
    const text = 'The galaxies that are left are being looked at by others this minute. One may come back if its viewer leaves.';
    return show('All in other hands', text, ['Try again', next], home);
  }
  return show('All done', 'There is no galaxy left here that you have not seen. Thank you for looking!', home);
}

/** @param {string} text */
function say(text) {
  element('status').textContent = text;
  element('status').classList.remove('waiting');
}

/** @param {number} seconds */
function sayWaiting(seconds) {
  say(`Offline: your answers are kept here, and sent again in ${Math.round(seconds)} s. `);
  element('status').classList.add('waiting');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'link';
  button.textContent = 'Try now';
  button.addEventListener('click', () => outbox.retryNow());
  element('status').append(button);
}

/** @param {number} n */
function count(n) {
  element('tally').textContent = n.toLocaleString('en');
  const keep = element('keep');
  if (keep) keep.hidden = n < 1;
}

/* Keys, buttons, coming and going */

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '?') {
    event.preventDefault();
    return toggleKeys();
  }
  if (!isAsking || element('keys').open) return;
  if (event.key === 'Backspace') {
    event.preventDefault();
    return backTo(walk.steps.length - 1);
  }
  const onControl = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
  if (event.key === 'Enter' && walk.question?.multiple && !onControl) {
    event.preventDefault();
    return confirmTicks();
  }
  if (event.repeat || !/^[1-9]$/.test(event.key)) return;
  const row = element('answers').children[Number(event.key) - 1];
  row?.click();
});

function toggleKeys() {
  const dialog = /** @type {HTMLDialogElement} */ (element('keys'));
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

element('back').addEventListener('click', () => backTo(walk.steps.length - 1));
element('confirm').addEventListener('click', confirmTicks);
element('show-keys').addEventListener('click', toggleKeys);
window.addEventListener('pagehide', giveBack);
window.addEventListener('pageshow', (event) => {
  if (event.persisted && !desk.classList.contains('loading')) next();
});

await sendLeftovers();
await next();
