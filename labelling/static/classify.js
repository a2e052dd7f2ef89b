/**
 * The classifying page: one galaxy, one question. The galaxy in hand comes from what was fetched ahead, its answers go
 * to the outbox, and the next galaxy is on the screen at once: the page waits for the server only when nothing is ready.
 */

import { Ahead } from './ahead.js';
import { focusOnQuestion, keepFocus } from './focus.js';
import { takeFirstClicks } from './clicks.js';
import { handle } from './gestures.js';
import { JustDone } from './justdone.js';
import { deedsOf, obey, toggleKeys } from './keys.js';
import { mountTheRest } from './later.js';
import { drawMarks } from './marks.js';
import { hideNotice, showNotice } from './notice.js';
import { Outbox } from './outbox.js';
import { decoded } from './pictures.js';
import { isOurs, newUuid, post, reason } from './post.js';
import { Asking } from './question.js';
import { offerReport } from './report.js';
import { gettext, interpolate, ngettext } from './texts.js';
import { forgetPractice, forgetTold, tell } from './told.js';
import { useTools } from './tools.js';
import { Viewer } from './viewer.js';
import { Walk } from './walk.js';

/** @typedef {import('./ahead.js').Prepared} Prepared */

const POLL_MS = 15_000;
const PAN_PX = 60;

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
const desk = element('main');
const { project } = desk.dataset;
const tree = JSON.parse(element('tree').textContent);
const opened = Date.now();

const outbox = new Outbox();
const ahead = new Ahead(
  { next: desk.dataset.next, giveBack: desk.dataset.return, project, isSignedIn: desk.dataset.anonymous === 'no' },
  () => outbox.letters.map((letter) => letter.body.token),
);
const viewer = new Viewer(element('frame'));
const asking = new Asking({ choose, backTo });
const justDone = new JustDone(project, undo);

/** @type {Prepared | null} the galaxy on the screen */
let hand = null;
let walk = new Walk(tree);
let isAsking = false;
let since = 0;
let poll = 0;
/** Votes on their way that are to be undone as soon as the server has them. @type {Set<string>} */
const toUndo = new Set();
/** Something did not get through, and not everything is sent since. */
let hasWaited = false;
/** Votes that are being undone. @type {Set<string>} */
const undoing = new Set();

/* One galaxy after another */

function next() {
  hand = null;
  isAsking = false;
  const prepared = ahead.take();
  if (prepared) begin(prepared);
  else wait();
}

/** Nothing is ready: say why, or that it is coming. */
function wait() {
  viewer.show(null);
  drawMarks(viewer, null);
  element('galaxy-name').textContent = element('step').textContent = '';
  element('path').replaceChildren();
  ahead.fill();
  explain();
}

/** What is ready, or why nothing is, has changed. */
function look() {
  if (ahead.state.kind === 'signed_out') return leaveAccount();
  if (hand) return;
  const prepared = ahead.take();
  if (prepared) begin(prepared);
  else explain();
}

/** @param {Prepared} prepared */
async function begin(prepared) {
  hand = prepared;
  clearTimeout(poll);
  const { assignment } = prepared;
  if (!assignment.image) return noPicture(gettext('No picture'), gettext('This galaxy came without one.'), []);
  if (!prepared.picture) {
    setComing(true);
    prepared.picture = await decoded(assignment.image.url);
    if (hand !== prepared) return;
    setComing(false);
  }
  if (!prepared.picture) {
    const again = { label: gettext('Try again'), does: () => begin(prepared) };
    window.addEventListener('online', () => hand === prepared && !prepared.picture && begin(prepared), { once: true });
    return noPicture(gettext('The picture did not load'), gettext('It may be your connection.'), [again]);
  }
  walk = prepared.walk ?? new Walk(tree);
  setComing(false);
  hideNotice();
  const alt = gettext('Galaxy %(name)s, the picture that the questions are about');
  viewer.show(prepared.picture, interpolate(alt, assignment.galaxy));
  drawMarks(viewer, assignment.image);
  if (!document.activeElement?.closest('#talk')) scrollTo(0, 0);
  element('galaxy-name').textContent = assignment.galaxy.name;
  drawFavourite(false);
  isAsking = true;
  since = performance.now();
  announce('galaxy', { assignment });
  ask(prepared.walk && !walk.question ? walk.backTo(walk.steps.length - 1) : []);
}

/** @param {string} title @param {string} text @param {import('./notice.js').Action[]} actions */
function noPicture(title, text, actions) {
  viewer.show(null);
  const another = {
    label: gettext('Another galaxy'),
    does: () => {
      ahead.giveBackAll(hand ? [hand.assignment.token] : []);
      ahead.letGo();
      next();
    },
  };
  isAsking = false;
  showNotice(title, text, [...actions, another]);
}

/** The walk is complete: into the outbox with it, and on. */
function finish() {
  if (!hand) return;
  const { assignment } = hand;
  const uuid = newUuid();
  const given = walk.toJSON();
  send('vote', desk.dataset.vote, { uuid, token: assignment.token, walk: given }, uuid);
  justDone.add({ uuid, at: Date.now(), assignment, walk: given });
  ahead.letGo(performance.now() - since);
  say(gettext('Your answers are kept.'), true);
  next();
}

/** The answer is that there is none. @param {'skip' | 'report'} kind @param {string} url @param {object} more @param {string} text */
function setAside(kind, url, more, text) {
  if (!hand || !isAsking) return;
  send(kind, url, { token: hand.assignment.token, ...more }, newUuid());
  ahead.letGo();
  say(text);
  next();
}

/** @param {'vote' | 'skip' | 'report'} kind @param {string} url @param {object} body @param {string} id */
function send(kind, url, body, id) {
  forgetTold();
  outbox.put({ id, kind, url, body, project });
}

/* The question */

/** @param {string[]} before what was chosen here before the volunteer came back */
function ask(before = []) {
  if (!walk.question) return finish();
  asking.show(walk, before);
  element('back').disabled = walk.steps.length === 0 && !justDone.last;
  focusOnQuestion();
  announce('question', { question: walk.question });
}

/** @param {string[]} chosen */
function choose(chosen) {
  if (!isAsking) return;
  forgetPractice();
  say('');
  walk.answer(chosen);
  ask();
}

/** @param {number} index */
function backTo(index) {
  if (isAsking && index >= 0) ask(walk.backTo(index));
}

/** A step back; before the first question that would be the last galaxy, which is offered and not just taken. */
function back() {
  if (walk.steps.length) return backTo(walk.steps.length - 1);
  const button = element('done-list').querySelector('button');
  if (!button) return;
  button.focus();
  say(interpolate(gettext('Enter or U takes back your answers for %(name)s.'), { name: justDone.last?.assignment.galaxy.name ?? '' }));
}

/** Once, however often it is asked for meanwhile. @param {import('./justdone.js').Done | undefined} done */
async function undo(done) {
  if (!done || undoing.has(done.uuid)) return;
  undoing.add(done.uuid);
  await takeBack(done).finally(() => undoing.delete(done.uuid));
}

/** @param {import('./justdone.js').Done} done */
async function takeBack(done) {
  let { assignment, walk: given } = done;
  if (!(await outbox.takeBack(done.uuid))) {
    if (outbox.has(done.uuid)) {
      toUndo.add(done.uuid);
      outbox.wake();
      return say(gettext('It is on its way. It comes back as soon as the server has it.'));
    }
    const reply = await post(`${desk.dataset.vote}${done.uuid}/undo/`, {}).catch(() => null);
    if (!reply || !isOurs(reply)) return say(gettext('To undo this needs the network. Your answers stand until then.'));
    justDone.remove(done.uuid);
    if (!reply.ok) return say(await reason(reply));
    ({ assignment, walk: given } = await reply.json());
  }
  justDone.remove(done.uuid);
  const picture = assignment.image && (await decoded(assignment.image.url));
  if (hand && isAsking) hand.walk = walk;
  const prepared = { assignment, picture, walk: new Walk(tree).again(given) };
  ahead.takeInstead(prepared);
  forgetTold();
  say(interpolate(gettext('Your answers for %(name)s are taken back.'), assignment.galaxy));
  begin(prepared);
}

/* What the server says */

outbox.addEventListener('answered', (event) => {
  const { letter, outcome } = /** @type {CustomEvent<import('./outbox.js').Answered>} */ (event).detail;
  if (letter.project !== project) return;
  if (outcome.kind === 'refused') refuse(letter, outcome.message);
  else if (letter.kind === 'vote') acknowledge(letter, outcome.reply);
  if (!hand) ahead.fill();
});

/** @param {import('./outbox.js').Letter} letter @param {any} reply */
function acknowledge(letter, { n_classifications_by_you, told }) {
  count(n_classifications_by_you);
  const done = justDone.find(letter.id);
  if (letter.at < opened) say(gettext('Answers from your last visit are saved.'));
  if (toUndo.delete(letter.id)) return void undo(done);
  if (!done || !told) return;
  tell(told, done, tree);
  if (told.practice) justDone.remove(done.uuid);
  announce('voted', { uuid: letter.id, assignment: done.assignment, told });
}

/** @param {import('./outbox.js').Letter} letter @param {string} message */
function refuse(letter, message) {
  justDone.remove(letter.id);
  element('refused').hidden = false;
  element('refused-text').textContent = interpolate(gettext('One answer was not taken: %(why)s'), { why: message });
}

/** How many wait to be sent, once one did not get through; then that all are sent. Written when it changes, for it is read out. */
function drawWaiting() {
  const n = outbox.letters.length;
  const isWaiting = outbox.isStuck && n > 0;
  const counted = ngettext('%(n)s waiting to be sent', '%(n)s waiting to be sent', n);
  const text = outbox.barred
    ? gettext('Your answers are kept, and not sent yet. Reload the page, or sign in again.')
    : interpolate(counted, { n });
  if (isWaiting && element('waiting-text').textContent !== text) element('waiting-text').textContent = text;
  keepFocus(() => (element('waiting').hidden = !isWaiting));
  if (hasWaited && !outbox.isStuck && n === 0) say(gettext('All your answers are sent.'));
  hasWaited = n > 0 && (isWaiting || hasWaited);
}

/* What is said */

function explain() {
  const { state } = ahead;
  if (state.kind === 'signed_out') return leaveAccount();
  const again = { label: gettext('Try again'), does: () => ahead.fill() };
  const reload = { label: gettext('Reload the page'), does: () => location.reload() };
  const home = { label: gettext('Other projects'), does: () => location.assign('/') };
  const isComing = state.kind === 'asking' || (state.kind === 'none' && state.why === '' && outbox.letters.length > 0);
  setComing(isComing);
  if (isComing) return;
  if (state.kind === 'refused') return showNotice(gettext('The next galaxy did not come'), state.message, [again, reload]);
  if (state.kind === 'offline') {
    const text = gettext('Your answers are kept here. As soon as the network is back, the next galaxy comes by itself.');
    return showNotice(gettext('Waiting for the network'), text, [again]);
  }
  if (state.kind !== 'none') return;
  if (state.why === 'all_done') {
    const text = gettext('There is no galaxy left here that you have not seen. Thank you for looking!');
    return showNotice(gettext('All done'), text, [home]);
  }
  clearTimeout(poll);
  poll = setTimeout(() => ahead.fill(), POLL_MS);
  const text = gettext('Others are looking at the galaxies that are left. When one comes back, it appears here by itself.');
  showNotice(gettext('All in other hands'), text, [again, home]);
}

/** Whether a galaxy is on its way: until it is here, nothing of the one before can be pressed. @param {boolean} isComing */
function setComing(isComing) {
  desk.classList.toggle('loading', isComing);
  element('coming').hidden = !isComing;
  keepFocus(() => (element('asking').inert = isComing));
}

/** The session has ended. A walk that is begun is finished in the account's name; then the page asks who goes on. */
function leaveAccount() {
  if (hand && walk.steps.length) return;
  ahead.giveBack();
  hand = null;
  isAsking = false;
  viewer.show(null);
  setComing(false);
  const text = gettext('Your answers so far are saved. Sign in again, or go on without an account.');
  showNotice(gettext('You have been signed out'), text, [
    { label: gettext('Sign in'), does: () => location.assign(desk.dataset.login) },
    { label: gettext('Go on without an account'), does: () => location.reload() },
  ]);
}

/** @param {string} text @param {boolean} isUsual not worth a word over the galaxy, where there is no room beside it */
function say(text, isUsual = false) {
  element('status').textContent = text;
  element('status').classList.toggle('usual', isUsual);
}

/** @param {number} n */
function count(n) {
  element('tally').textContent = n.toLocaleString(document.documentElement.lang || 'en');
  const keep = element('keep');
  if (keep) keep.hidden = n < 1;
}

/** To what is mounted later. @param {string} what @param {object} detail */
function announce(what, detail) {
  desk.dispatchEvent(new CustomEvent(what, { detail }));
}

/* Favourites */

/** @param {boolean} isFavourite */
function drawFavourite(isFavourite) {
  element('favourite').setAttribute('aria-pressed', String(isFavourite));
}

async function favourite() {
  if (!hand || !isAsking || !desk.dataset.favourite) return;
  const { token } = hand.assignment;
  const wanted = element('favourite').getAttribute('aria-pressed') !== 'true';
  drawFavourite(wanted);
  const reply = await post(desk.dataset.favourite, { token, is_favourite: wanted }).catch(() => null);
  const isHere = hand?.assignment.token === token;
  if (reply?.ok) return say(wanted ? gettext('Added to your favourites.') : gettext('No longer a favourite.'));
  if (isHere) drawFavourite(!wanted);
  say(reply ? await reason(reply) : gettext('That needs the network.'));
}

/* Hands */

const skip = () => setAside('skip', desk.dataset.skip, {}, gettext('Skipped. It does not come again.'));

/** @param {string} key */
function pan(key) {
  const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key] ?? [0, 0];
  viewer.moveBy(PAN_PX * x, PAN_PX * y);
}

handle(viewer);
takeFirstClicks(/** @type {HTMLElement} */ (desk.querySelector('.ask')));
useTools(viewer);
viewer.addEventListener('change', () => drawMarks(viewer, hand?.assignment.image ?? null));
obey(
  deedsOf({
    answer: (key) => asking.press(Number(key)),
    confirm: () => asking.confirm(),
    undo: () => undo(justDone.last),
    back,
    skip,
    favourite,
    pan,
  }),
  () => isAsking,
);
offerReport(
  (why, text) => setAside('report', desk.dataset.report, { why, text }, gettext('Thank you. A researcher will look at it.')),
  () => isAsking,
);
element('back').addEventListener('click', back);
element('skip').addEventListener('click', skip);
element('favourite').addEventListener('click', favourite);
element('favourite').hidden = !desk.dataset.favourite;
element('show-keys').addEventListener('click', toggleKeys);
element('try-now').addEventListener('click', () => (outbox.barred ? location.reload() : outbox.wake()));
element('refused-close').addEventListener('click', () => keepFocus(() => (element('refused').hidden = true)));

/* Coming and going */

ahead.addEventListener('change', look);
outbox.addEventListener('change', drawWaiting);
window.addEventListener('pagehide', () => ahead.giveBack());
window.addEventListener('pageshow', (event) => event.persisted && location.reload());
desk.addEventListener('galaxy', () => mountTheRest(desk), { once: true });
wait();
outbox.run();
