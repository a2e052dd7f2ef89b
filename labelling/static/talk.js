/**
 * After the vote: a small panel beneath the next question, in which the galaxy that has just been classified can be
 * tagged, commented on, and made a favourite. Never before the vote; closed until it is opened, and then it stays with
 * its galaxy for as long as something is being written.
 */

import { suggestTags } from './combobox.js';
import { focusOnQuestion, keepFocus } from './focus.js';
import { post, reason } from './post.js';
import { gettext, interpolate, ngettext } from './texts.js';
import { skyLink } from './told.js';

const MOST_CHARACTERS = 500;

/**
 * @typedef {{subject: number, skyUrl: string | null, assignment: import('./ahead.js').Assignment}} About
 * @typedef {{word: string, n: number, is_mine: boolean}} Tag
 */

/** @param {HTMLElement} desk */
export function mount(desk) {
  const place = /** @type {HTMLElement} */ (document.getElementById('talk'));
  /** @type {Panel | null} */
  let panel = null;
  /** @type {About | null} classified while the panel was busy with the one before */
  let waiting = null;

  /** @param {About} about */
  function show(about) {
    panel?.remove();
    panel = new Panel(about, place, () => {
      if (waiting) show(waiting);
    });
    waiting = null;
  }

  function clear() {
    panel?.remove();
    panel = waiting = null;
  }

  desk.addEventListener('voted', (event) => {
    const { assignment, told } = /** @type {CustomEvent} */ (event).detail;
    if (!told.subject) return;
    const about = { subject: told.subject, skyUrl: told.sky_url, assignment };
    if (panel?.isBusy) waiting = about;
    else show(about);
  });
  desk.addEventListener('galaxy', (event) => {
    // It is asked about again, for its vote was taken back: what others say of it is for after the new one.
    const { assignment } = /** @type {CustomEvent} */ (event).detail;
    if (waiting && isSame(waiting.assignment, assignment)) waiting = null;
    if (panel && isSame(panel.about.assignment, assignment)) clear();
  });
  desk.addEventListener('restart', clear);
}

/** @param {import('./ahead.js').Assignment} one @param {import('./ahead.js').Assignment} other */
const isSame = (one, other) => one.galaxy.name === other.galaxy.name && one.galaxy.survey === other.galaxy.survey;

class Panel {
  /** @param {About} about @param {HTMLElement} place @param {() => void} closed */
  constructor(about, place, closed) {
    this.about = about;
    this.place = place;
    this.closed = closed;
    this.page = (place.dataset.galaxy ?? '').replace(/\b0\b/, String(about.subject));
    this.opener = this.drawOpener();
    this.body = made('div', { id: 'talk-body', className: 'talk-body', hidden: true });
    this.status = made('p', { className: 'talk-status' });
    this.status.setAttribute('role', 'status');
    this.node = made('section', { className: 'talk-panel' });
    this.node.setAttribute('aria-label', gettext('About the galaxy just classified'));
    this.node.append(this.opener, ...this.sky(), this.body);
    place.append(this.node);
  }

  /** Something is being written, or is in hand. */
  get isBusy() {
    const fields = [...this.body.querySelectorAll('input, textarea')];
    const isBegun = fields.some((field) => /** @type {HTMLInputElement} */ (field).value.trim());
    return !this.body.hidden && (isBegun || this.node.contains(document.activeElement));
  }

  remove() {
    keepFocus(() => this.node.remove());
  }

  drawOpener() {
    const { assignment } = this.about;
    const button = made('button', { type: 'button', className: 'talk-opener' });
    button.setAttribute('aria-expanded', 'false');
    button.setAttribute('aria-controls', 'talk-body');
    if (assignment.image) {
      const { url } = assignment.image;
      button.append(made('img', { src: url, alt: '', width: 40, height: 40 }));
    }
    const text = made('span', {});
    text.append(
      made('b', { textContent: gettext('Tag it, say something') }),
      made('span', { textContent: interpolate(gettext('about %(name)s, just done'), assignment.galaxy) }),
    );
    button.append(text);
    button.addEventListener('click', () => (this.body.hidden ? this.open() : this.close()));
    return button;
  }

  /** Where it is in the sky; a simulated one is nowhere. */
  sky() {
    if (!this.about.skyUrl) return [];
    const link = skyLink(this.about.skyUrl);
    const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    use.setAttribute('href', `${this.place.dataset.tools}#sky`);
    icon.setAttribute('class', 'tool-icon');
    icon.setAttribute('aria-hidden', 'true');
    icon.append(use);
    link.className = 'talk-sky';
    link.title = link.ariaLabel = String(link.textContent);
    link.replaceChildren(icon);
    return [link];
  }

  async open() {
    this.body.hidden = false;
    this.opener.setAttribute('aria-expanded', 'true');
    if (this.body.childElementCount) return this.field?.focus();
    this.body.append(this.status);
    this.say(gettext('One moment …'));
    const reply = await fetch(`${this.page}talk.json`, { credentials: 'same-origin' }).catch(() => null);
    if (!reply?.ok) return this.say(reply ? await reason(reply) : gettext('That needs the network.'), true);
    this.say('');
    this.draw(await reply.json());
    if (document.activeElement === this.opener) this.field?.focus(); // else its owner has gone on meanwhile
  }

  close() {
    this.body.hidden = true;
    this.opener.setAttribute('aria-expanded', 'false');
    if (!this.field) this.body.replaceChildren(); // it did not come: asked again when opened again
    this.closed();
  }

  /** @param {{tags: Tag[], n_comments: number, is_favourite: boolean}} told */
  draw({ tags, n_comments, is_favourite }) {
    this.chips = made('ul', { className: 'chips' });
    this.chips.setAttribute('aria-label', gettext('Tags'));
    this.drawTags(tags);
    this.body.replaceChildren(
      this.chips,
      this.tagForm(),
      this.commentForm(),
      this.status,
      this.foot(n_comments, is_favourite),
    );
  }

  /** @param {Tag[]} tags */
  drawTags(tags) {
    this.chips?.replaceChildren(...tags.map((tag) => this.chip(tag)));
  }

  /** A word that is there already: pressed when it is ours, too. @param {Tag} tag */
  chip({ word, n, is_mine }) {
    const item = made('li', { className: is_mine ? 'chip mine' : 'chip' });
    const button = made('button', { type: 'button' });
    button.append(made('bdi', { textContent: `#${word}` }), n > 1 ? ` ${n}` : '');
    button.setAttribute('aria-pressed', String(is_mine));
    button.addEventListener('click', async () => {
      if (await this.tag(word, !is_mine)) this.chipOf(word)?.focus();
    });
    item.append(button);
    return item;
  }

  /** @param {string} word @returns {HTMLElement | undefined} */
  chipOf(word) {
    const buttons = /** @type {HTMLElement[]} */ ([...(this.chips?.querySelectorAll('button') ?? [])]);
    return buttons.find((button) => button.querySelector('bdi')?.textContent === `#${word}`) ?? this.field;
  }

  tagForm() {
    const field = made('input', { id: 'talk-tag', maxLength: 60, autocomplete: 'off', placeholder: '#ring' });
    Object.assign(field, { autocapitalize: 'none', spellcheck: false });
    const form = this.form(gettext('Add a tag'), field, gettext('Add'), async () => {
      if (await this.tag(field.value, true)) field.value = '';
      field.focus();
    });
    suggestTags(field, this.place.dataset.suggestions ?? '', (word) => {
      field.value = word;
      form.requestSubmit();
    });
    this.field = field;
    return form;
  }

  commentForm() {
    const field = made('textarea', { id: 'talk-comment', rows: 2, maxLength: MOST_CHARACTERS });
    return this.form(gettext('Say something'), field, gettext('Post it'), async () => {
      if (!(await this.send(`${this.page}comments/`, { text: field.value }))) return field.focus();
      field.value = '';
      this.say(gettext('Your comment is there, for whoever has classified this galaxy.'));
      field.focus();
    });
  }

  /** @param {string} label @param {HTMLInputElement | HTMLTextAreaElement} field @param {string} verb @param {() => Promise<void>} submit */
  form(label, field, verb, submit) {
    const form = made('form', { className: 'say' });
    const row = made('div', { className: 'with-button' });
    const around = made('span', { className: 'entry' });
    field.required = true;
    around.append(field);
    const button = made('button', { className: 'button', textContent: verb });
    row.append(around, button);
    form.append(made('label', { htmlFor: field.id, textContent: label }), row);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      await submit();
      button.disabled = false;
    });
    return form;
  }

  /** @param {number} n_comments @param {boolean} is_favourite */
  foot(n_comments, is_favourite) {
    const foot = made('p', { className: 'actions' });
    const heart = made('button', { type: 'button', className: 'button quiet', textContent: gettext('Favourite') });
    heart.setAttribute('aria-pressed', String(is_favourite));
    heart.addEventListener('click', async () => {
      const wanted = heart.getAttribute('aria-pressed') !== 'true';
      const url = document.getElementById('main')?.dataset.favourite ?? '';
      if (!(await this.send(url, { subject: this.about.subject, is_favourite: wanted }))) return;
      heart.setAttribute('aria-pressed', String(wanted));
    });
    const text = ngettext('Its page, with %(n)s comment', 'Its page, with %(n)s comments', n_comments);
    const told = n_comments ? interpolate(text, { n: n_comments }) : gettext('Its page');
    const link = made('a', { href: this.page, target: '_blank', textContent: told });
    const close = made('button', { type: 'button', className: 'button quiet', textContent: gettext('Done') });
    close.addEventListener('click', () => {
      this.close();
      focusOnQuestion();
    });
    foot.append(heart, link, close);
    return foot;
  }

  /** @param {string} word @param {boolean} isOn whether it was done */
  async tag(word, isOn) {
    const reply = await this.send(`${this.page}tags/`, { word, is_on: isOn });
    if (!reply) return false;
    this.drawTags(reply.tags);
    const text = isOn ? gettext('Tagged #%(word)s.') : gettext('#%(word)s is taken away.');
    this.say(interpolate(text, reply));
    return true;
  }

  /** What the server answers, or null: then why has been said. @param {string} url @param {object} body @returns {Promise<any>} */
  async send(url, body) {
    const reply = await post(url, body).catch(() => null);
    if (reply?.ok) return reply.json();
    this.say(reply ? await reason(reply) : gettext('That needs the network.'), true);
    return null;
  }

  /** @param {string} text @param {boolean} [isBad] */
  say(text, isBad = false) {
    this.status.textContent = text;
    this.status.classList.toggle('bad', isBad);
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name @param {Partial<HTMLElementTagNameMap[K]>} properties @returns {HTMLElementTagNameMap[K]}
 */
const made = (name, properties) => Object.assign(document.createElement(name), properties);
