/** Help with the question that is asked: its answers side by side, each with what to look for and what it looks like. */

import { iconOf } from './icons.js';
import { drawing } from './question.js';
import { confession, made, newDialog, pictures } from './teaching.js';
import { gettext } from './texts.js';

/** @typedef {import('./walk.js').Question} Question */

export class Help {
  /** @param {import('./guide.js').Guide} guide @param {() => void} openGuide */
  constructor(guide, openGuide) {
    this.guide = guide;
    this.openGuide = openGuide;
    this.parts = newDialog('help');
  }

  /** @param {Question | undefined} question */
  open(question) {
    if (!question) return;
    const { dialog, title, body } = this.parts;
    const list = made('ul');
    list.className = 'teach-answers';
    list.append(...question.answers.map((answer) => this.item(question, answer)));
    const shown = question.answers.flatMap(({ key }) => this.guide.examples[`${question.key}_${key}`] ?? []);
    title.textContent = question.text;
    body.replaceChildren(
      ...(question.help ? [made('p', question.help)] : []),
      list,
      ...this.silence(question, shown),
      ...confession(shown),
      this.more(),
    );
    dialog.showModal();
    body.scrollTop = 0;
  }

  /** @param {Question} question @param {import('./walk.js').Answer} answer */
  item(question, answer) {
    const column = `${question.key}_${answer.key}`;
    const item = made('li');
    const name = made('h3');
    const icon = iconOf(question, answer);
    name.append(...(icon ? [drawing(icon)] : []), answer.text);
    const hint = this.guide.hints[column];
    item.append(name, ...(hint ? [made('p', hint)] : []), pictures(this.guide.examples[column] ?? [], hint));
    return item;
  }

  /** Of a question about which the project says nothing yet. @param {Question} question @param {unknown[]} shown */
  silence({ key, help, answers }, shown) {
    const isTold = help || shown.length || answers.some((answer) => this.guide.hints[`${key}_${answer.key}`]);
    return isTold ? [] : [made('p', gettext('There is no more to say here yet. Choose what fits best.'))];
  }

  more() {
    const button = made('button', gettext('Open the field guide'));
    button.setAttribute('type', 'button');
    button.className = 'link';
    button.addEventListener('click', () => {
      this.parts.dialog.close();
      this.openGuide();
    });
    return button;
  }
}
