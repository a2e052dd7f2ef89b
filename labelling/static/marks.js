/** What lies over the galaxy: a bar of a round length on the sky, and where north and east are. Both follow the view. */

const LENGTHS_ARCSEC = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
const SHARE = 0.3; // the longest bar, as a part of the frame's width
const ARM_PX = 19;
const LETTER_PX = 27;

/** @typedef {NonNullable<import('./ahead.js').Assignment['image']>} Picture */

/** @param {import('./viewer.js').Viewer} viewer @param {Picture | null} image */
export function drawMarks(viewer, image) {
  drawScale(viewer, image);
  drawCompass(viewer, image);
}

/** @param {import('./viewer.js').Viewer} viewer @param {Picture | null} image */
function drawScale({ frame, view }, image) {
  const bar = /** @type {HTMLElement} */ (document.getElementById('scale'));
  const label = /** @type {HTMLElement} */ (document.getElementById('scale-length'));
  const pixelScale = image?.pixel_scale_arcsec;
  bar.hidden = !image || !pixelScale;
  if (!image || !pixelScale || !frame.clientWidth) return;
  const screenPx = (view.zoom * frame.clientWidth) / Math.max(image.width_px, image.height_px);
  const widest = (SHARE * frame.clientWidth * pixelScale) / screenPx;
  const length = LENGTHS_ARCSEC.filter((arcsec) => arcsec <= widest).at(-1) ?? LENGTHS_ARCSEC[0];
  bar.style.inlineSize = `${(length / pixelScale) * screenPx}px`;
  label.textContent = inUnits(length);
}

/** @param {number} arcsec */
function inUnits(arcsec) {
  if (arcsec < 60) return `${arcsec}″`;
  return arcsec < 3600 ? `${arcsec / 60}′` : `${arcsec / 3600}°`;
}

/** @param {import('./viewer.js').Viewer} viewer @param {Picture | null} image */
function drawCompass({ view }, image) {
  const compass = /** @type {Element} */ (document.getElementById('compass'));
  const isKnown = typeof image?.north_deg === 'number';
  compass.toggleAttribute('hidden', !isKnown);
  if (!isKnown) return;
  const angle = (Number(image?.north_deg) * Math.PI) / 180;
  const north = [-Math.sin(angle), -Math.cos(angle)]; // on the screen y grows downwards
  point('north', asSeen(north, view));
  const isTold = typeof image?.east_is_left === 'boolean';
  for (const part of ['east', 'east-letter']) document.getElementById(part)?.toggleAttribute('hidden', !isTold);
  if (isTold) point('east', asSeen(image?.east_is_left ? [north[1], -north[0]] : [-north[1], north[0]], view));
}

/** A direction of the picture, mirrored and turned as the picture is. @param {number[]} direction @param {{turns: number, isFlipped: boolean}} view */
function asSeen([x, y], { turns, isFlipped }) {
  const [cos, sin] = [Math.cos((turns * Math.PI) / 2), Math.sin((turns * Math.PI) / 2)];
  const mirrored = isFlipped ? -x : x;
  return [mirrored * cos - y * sin, mirrored * sin + y * cos];
}

/** @param {'north' | 'east'} which @param {number[]} direction */
function point(which, [x, y]) {
  const line = /** @type {Element} */ (document.getElementById(which));
  const letter = /** @type {Element} */ (document.getElementById(`${which}-letter`));
  line.setAttribute('x2', (x * ARM_PX).toFixed(2));
  line.setAttribute('y2', (y * ARM_PX).toFixed(2));
  letter.setAttribute('x', (x * LETTER_PX).toFixed(2));
  letter.setAttribute('y', (y * LETTER_PX).toFixed(2));
}
