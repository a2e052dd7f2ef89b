/**
 * The galaxy as it lies on the page: zoomed, moved, rotated, flipped, inverted, brighter or with more contrast. What is
 * done to the light stays for the next galaxy; how it lies does not.
 */

const MOST = 12;
const PLAIN = { zoom: 1, x: 0, y: 0, turns: 0, isFlipped: false };
const PLAIN_LIGHT = { isInverted: false, brightness: 1, contrast: 1 };

/** Fires `change` after each. */
export class Viewer extends EventTarget {
  /** @param {HTMLElement} frame what the picture fills, and is clipped by */
  constructor(frame) {
    super();
    this.frame = frame;
    /** @type {HTMLImageElement | null} */
    this.picture = null;
    /** How it lies: zoom from 1 on, its middle x and y px from the frame's, quarter turns clockwise, mirrored. */
    this.view = { ...PLAIN };
    this.light = { ...PLAIN_LIGHT };
    new ResizeObserver(() => this.draw()).observe(frame);
  }

  /** @param {HTMLImageElement | null} picture decoded @param {string} alt */
  show(picture, alt = '') {
    this.picture?.remove();
    this.picture = picture;
    this.view = { ...PLAIN };
    if (!picture) return;
    picture.id = 'galaxy';
    picture.alt = alt;
    this.draw();
    this.frame.prepend(picture);
  }

  get isPlain() {
    const { zoom, turns, isFlipped } = this.view;
    const { isInverted, brightness, contrast } = this.light;
    return zoom === 1 && turns % 4 === 0 && !isFlipped && !isInverted && brightness === 1 && contrast === 1;
  }

  /** Zoom, and keep what is under the point where it is. @param {number} factor @param {number} [x] px right of the frame's middle @param {number} [y] px below */
  zoomBy(factor, x = 0, y = 0) {
    const zoom = Math.min(Math.max(this.view.zoom * factor, 1), MOST);
    const by = zoom / this.view.zoom;
    this.view = { ...this.view, zoom, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    this.draw();
  }

  /** @param {number} dx px @param {number} dy px */
  moveBy(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.draw();
  }

  /** A quarter turn clockwise, about the middle of the frame. */
  rotate() {
    this.view = { ...this.view, turns: this.view.turns + 1, x: -this.view.y, y: this.view.x };
    this.draw(true);
  }

  /** Left and right change places as they are seen now. */
  flip() {
    const { turns, isFlipped, x } = this.view;
    this.view = { ...this.view, isFlipped: !isFlipped, turns: -turns, x: -x };
    this.draw();
  }

  invert() {
    this.light.isInverted = !this.light.isInverted;
    this.draw();
  }

  /** @param {'brightness' | 'contrast'} what @param {number} value 1 as it came */
  setLight(what, value) {
    this.light[what] = value;
    this.draw();
  }

  reset() {
    this.view = { ...PLAIN };
    this.light = { ...PLAIN_LIGHT };
    this.draw();
  }

  /** Put the view onto the picture; it never leaves its frame. @param {boolean} isSmooth */
  draw(isSmooth = false) {
    const { view, light, picture } = this;
    const reach = ((view.zoom - 1) * this.frame.clientWidth) / 2;
    view.x = Math.min(Math.max(view.x, -reach), reach);
    view.y = Math.min(Math.max(view.y, -reach), reach);
    if (picture) {
      picture.classList.toggle('turning', isSmooth);
      const mirror = view.isFlipped ? ' scaleX(-1)' : '';
      picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom}) rotate(${90 * view.turns}deg)${mirror}`;
      const isLit = light.isInverted || light.brightness !== 1 || light.contrast !== 1;
      const filter = `${light.isInverted ? 'invert(1) ' : ''}brightness(${light.brightness}) contrast(${light.contrast})`;
      picture.style.filter = isLit ? filter : '';
    }
    this.frame.classList.toggle('zoomed', view.zoom > 1);
    this.frame.classList.toggle('inverted', light.isInverted);
    this.dispatchEvent(new Event('change'));
  }
}
