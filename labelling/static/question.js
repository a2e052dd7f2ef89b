/** What is asked: the question, its answers as buttons or boxes to tick, and the way that led to it. */

import { retitle } from './focus.js';
import { iconOf } from './icons.js';
import { gettext, interpolate, ngettext } from './texts.js';

/**
 * @typedef {import('./walk.js').Question} Question
 * @typedef {import('./walk.js').Answer} Answer
 * @typedef {import('./walk.js').Walk} Walk
 */

const MANY = 4; // more answers than these stand in columns

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

export class Asking {
  /** @param {{choose: (chosen: string[]) => void, backTo: (index: number) => void}} doing */
  constructor(doing) {
    this.doing = doing;
    /** @type {string[]} ticks of a multiple-choice question */
    this.ticked = [];
    /** @type {Question | null} */
    this.question = null;
    element('confirm').addEventListener('click', () => this.confirm());
  }

  /** Ask the walk's present question. @param {Walk} walk @param {string[]} before chosen here before the volunteer came back */
  show(walk, before) {
    const question = walk.question;
    if (!question) return;
    this.question = question;
    this.ticked = question.multiple ? [...before] : [];
    const hasIcons = question.answers.every((answer) => iconOf(question, answer));
    retitle('question', question.text).dataset.key = question.key;
    element('how').textContent = howTo(question);
    element('answers').replaceChildren(...question.answers.map((answer, index) => this.row(answer, index, before, hasIcons)));
    element('answers').classList.toggle('many', question.answers.length > MANY);
    element('answers').classList.toggle('drawn', hasIcons);
    element('help').hidden = !question.help;
    element('help-text').textContent = question.help;
    element('confirm').hidden = !question.multiple;
    this.drawConfirm();
    this.drawPath(walk);
    element('asking').hidden = false;
    element('asking').inert = false;
    element('asking').scrollTop = 0;
  }

  /** @param {Answer} answer @param {number} index @param {string[]} before @param {boolean} hasIcons */
  row(answer, index, before, hasIcons) {
    const question = /** @type {Question} */ (this.question);
    const icon = hasIcons ? [drawing(String(iconOf(question, answer)))] : [];
    return question.multiple
      ? this.tickBox(answer, [...icon, ...label(answer, index)])
      : this.button(answer, [...icon, ...label(answer, index)], before.includes(answer.key));
  }

  /** @param {Answer} answer @param {Element[]} content @param {boolean} wasChosen */
  button(answer, content, wasChosen) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = wasChosen ? 'answer was' : 'answer';
    if (wasChosen) button.setAttribute('aria-current', 'true');
    button.append(...content);
    // one that is gone, and is pressed by a script or a slow machine, is no answer to the next question
    button.addEventListener('click', () => button.isConnected && this.doing.choose([answer.key]));
    return button;
  }

  /** @param {Answer} answer @param {Element[]} content */
  tickBox(answer, content) {
    const row = document.createElement('label');
    const box = document.createElement('input');
    row.className = 'answer';
    box.type = 'checkbox';
    box.checked = this.ticked.includes(answer.key);
    box.addEventListener('change', () => {
      const others = this.ticked.filter((key) => key !== answer.key);
      this.ticked = box.checked ? [...others, answer.key] : others;
      this.drawConfirm();
    });
    row.append(box, ...content);
    return row;
  }

  /** Answer a multiple-choice question with what is ticked, in the tree's order. */
  confirm() {
    if (!this.question?.multiple) return;
    const inOrder = this.question.answers.map((answer) => answer.key).filter((key) => this.ticked.includes(key));
    this.doing.choose(inOrder);
  }

  /** Press the answer of this number, from 1 on. @param {number} number */
  press(number) {
    element('answers').children[number - 1]?.click();
  }

  drawConfirm() {
    element('confirm').textContent = this.ticked.length ? gettext('Continue') : gettext('None of these');
  }

  /** @param {Walk} walk */
  drawPath(walk) {
    const items = walk.steps.map(({ question, chosen }, index) => {
      const item = document.createElement('li');
      const button = document.createElement('button');
      const icons = question.answers.filter(({ key }) => chosen.includes(key)).map((answer) => iconOf(question, answer));
      button.type = 'button';
      button.append(...icons.flatMap((name) => (name ? [drawing(name)] : [])), inWords(question, chosen));
      button.title = interpolate(gettext('Change: %(question)s'), { question: question.text });
      button.addEventListener('click', () => this.doing.backTo(index));
      item.append(button);
      return item;
    });
    element('path').replaceChildren(...items);
    element('path').scrollLeft = element('path').scrollWidth;
    element('step').textContent = interpolate(gettext('Question %(n)s'), { n: walk.steps.length + 1 });
  }
}

/** The chosen answers' texts. @param {Question} question @param {string[]} chosen */
export function inWords(question, chosen) {
  const texts = question.answers.filter((answer) => chosen.includes(answer.key)).map((answer) => answer.text);
  return texts.join(', ') || gettext('None of these');
}

/** An icon of the sprite that the page names. @param {string} name */
export function drawing(name) {
  const space = 'http://www.w3.org/2000/svg';
  const icon = document.createElementNS(space, 'svg');
  const use = document.createElementNS(space, 'use');
  use.setAttribute('href', `${element('main').dataset.icons}#${name}`);
  icon.setAttribute('class', 'icon');
  icon.setAttribute('aria-hidden', 'true');
  icon.append(use);
  return icon;
}

/** @param {Answer} answer @param {number} index */
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
  return [text, key];
}

/** How to answer, for somebody who hears the page. @param {Question} question */
function howTo(question) {
  const n = question.answers.length;
  if (question.multiple) return gettext('Tick any number of answers, or none, then continue.');
  if (n === 1) return gettext('Press the answer, or the key 1.');
  const text = ngettext('Choose the answer.', 'Choose one of %(n)s answers, with its button or the keys 1 to %(last)s.', n);
  return interpolate(text, { n, last: Math.min(n, 9) });
}
