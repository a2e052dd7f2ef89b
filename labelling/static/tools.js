/** The image's toolbar: its buttons and sliders do what the keys do, and show what is on. */

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

const STEP = 1.4;

/** @param {import('./viewer.js').Viewer} viewer */
export function useTools(viewer) {
  const does = {
    'zoom-in': () => viewer.zoomBy(STEP),
    'zoom-out': () => viewer.zoomBy(1 / STEP),
    rotate: () => viewer.rotate(),
    flip: () => viewer.flip(),
    invert: () => viewer.invert(),
    reset: () => viewer.reset(),
  };
  for (const [id, does_it] of Object.entries(does)) {
    element(id).addEventListener('click', () => element(id).ariaDisabled === 'true' || does_it());
  }
  for (const what of /** @type {const} */ (['brightness', 'contrast'])) {
    element(what).addEventListener('input', () => viewer.setLight(what, Number(element(what).value)));
  }
  for (const [toggle, panel] of [['light', 'light-panel'], ['show-tools', 'tools']]) {
    element(toggle).addEventListener('click', () => open(toggle, panel, element(toggle).ariaExpanded !== 'true'));
  }
  viewer.addEventListener('change', () => drawTools(viewer));
}

/** @param {string} toggle @param {string} panel @param {boolean} isOpen */
function open(toggle, panel, isOpen) {
  element(toggle).setAttribute('aria-expanded', String(isOpen));
  element(panel).classList.toggle('open', isOpen);
}

/** @param {import('./viewer.js').Viewer} viewer */
function drawTools(viewer) {
  const { view, light } = viewer;
  switchOff('zoom-out', view.zoom === 1);
  element('flip').setAttribute('aria-pressed', String(view.isFlipped));
  element('invert').setAttribute('aria-pressed', String(light.isInverted));
  element('brightness').value = light.brightness;
  element('contrast').value = light.contrast;
  switchOff('reset', viewer.isPlain);
}

/** Not `disabled`, which would take the focus from whoever has just pressed it. @param {string} id @param {boolean} isOff */
function switchOff(id, isOff) {
  element(id).setAttribute('aria-disabled', String(isOff));
}
