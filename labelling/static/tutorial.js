/** The tutorial: a few pages in a dialog, turned by buttons, arrow keys or a swipe. */

import { made, newDialog } from './teaching.js';
import { gettext, interpolate } from './texts.js';

const SWIPE_PX = 48;

export class Tutorial {
  /** @param {import('./guide.js').Page[]} pages */
  constructor(pages) {
    this.pages = pages;
    this.at = 0;
    const { dialog, title, body } = newDialog('tutorial');
    this.dialog = dialog;
    this.title = title;
    this.body = body;
    this.step = made('p');
    this.back = /** @type {HTMLButtonElement} */ (made('button'));
    this.next = /** @type {HTMLButtonElement} */ (made('button'));
    this.build();
  }

  build() {
    const foot = made('div');
    foot.className = 'teach-foot';
    this.step.className = 'small muted';
    this.body.setAttribute('aria-live', 'polite');
    this.title.setAttribute('aria-live', 'polite');
    this.body.id = 'tutorial-text';
    this.dialog.setAttribute('aria-describedby', this.body.id); // else it would open with its title alone
    this.back.type = this.next.type = 'button';
    this.back.className = 'button quiet';
    this.next.className = 'button';
    this.body.autofocus = false;
    this.next.autofocus = true;
    this.back.addEventListener('click', () => (this.at ? this.turn(-1) : this.dialog.close()));
    this.next.addEventListener('click', () => this.turn(1));
    this.dialog.addEventListener('keydown', ({ key }) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (by && this.pages[this.at + by]) this.turn(by);
    });
    this.swipe();
    foot.append(this.back, this.step, this.next);
    this.dialog.append(foot);
  }

  open() {
    this.at = 0;
    this.draw();
    this.dialog.showModal();
  }

  /** @param {number} by pages forward; past the last one it is over */
  turn(by) {
    this.at += by;
    if (this.at >= this.pages.length) return this.dialog.close();
    this.at = Math.max(this.at, 0);
    this.draw();
  }

  draw() {
    const page = this.pages[this.at];
    const isLast = this.at === this.pages.length - 1;
    const text = made('div');
    text.className = 'teach-text';
    text.append(...page.text.split(/\n\s*\n/).map((part) => made('p', part)));
    this.title.textContent = page.title;
    this.body.replaceChildren(...this.picture(page), text);
    this.body.scrollTop = 0;
    this.back.textContent = this.at ? gettext('Back') : gettext('Skip the tutorial');
    this.next.textContent = isLast ? gettext('Start') : gettext('Next');
    this.step.textContent = interpolate(gettext('%(n)s of %(total)s'), { n: this.at + 1, total: this.pages.length });
  }

  /** @param {import('./guide.js').Page} page */
  picture({ picture, alt }) {
    if (!picture) return [];
    const shown = document.createElement('img');
    Object.assign(shown, { src: picture, alt, className: 'teach-picture' });
    shown.addEventListener('error', () => shown.remove());
    return [shown];
  }

  /** A finger that goes sideways turns the page. */
  swipe() {
    let x = 0;
    let y = 0;
    this.body.addEventListener('pointerdown', (event) => ([x, y] = [event.clientX, event.clientY]));
    this.body.addEventListener('pointerup', (event) => {
      const [dx, dy] = [event.clientX - x, event.clientY - y];
      if (event.pointerType !== 'touch' || Math.abs(dx) < SWIPE_PX || Math.abs(dx) < 1.5 * Math.abs(dy)) return;
      const by = dx < 0 ? 1 : -1;
      if (this.pages[this.at + by]) this.turn(by);
    });
  }
}
