/** Hands on the galaxy: drag, pinch, double tap or double click, wheel. Pointer events alone. */

const STEP = 1.0016; // a wheel's notch of 100 px zooms by 17 %
const CLOSE_UP = 2.5;
const TAP_MS = 320;
const TAP_PX = 24;
const STILL_PX = 6;

/** @param {import('./viewer.js').Viewer} viewer */
export function handle(viewer) {
  const { frame } = viewer;
  /** @type {Map<number, PointerEvent>} where each finger was last */
  const fingers = new Map();
  let lastTap = { time: 0, x: 0, y: 0 };
  let pressed = { clientX: 0, clientY: 0 };
  let isTap = false;

  /** @param {{clientX: number, clientY: number}} event @returns {[number, number]} px from the frame's middle */
  const fromMiddle = ({ clientX, clientY }) => {
    const box = frame.getBoundingClientRect();
    return [clientX - box.x - box.width / 2, clientY - box.y - box.height / 2];
  };

  frame.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || /** @type {Element} */ (event.target).closest('button, a, input, label')) return;
    fingers.set(event.pointerId, event);
    frame.setPointerCapture(event.pointerId);
    isTap = fingers.size === 1;
    pressed = event;
  });

  frame.addEventListener('pointermove', (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    if (other) pinch(before, event, other);
    else viewer.moveBy(event.clientX - before.clientX, event.clientY - before.clientY);
    if (Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > STILL_PX) isTap = false;
    fingers.set(event.pointerId, event);
  });

  /** @param {PointerEvent} before @param {PointerEvent} now @param {PointerEvent} other */
  function pinch(before, now, other) {
    const span = (/** @type {PointerEvent} */ finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
    const middle = { clientX: (now.clientX + other.clientX) / 2, clientY: (now.clientY + other.clientY) / 2 };
    viewer.moveBy((now.clientX - before.clientX) / 2, (now.clientY - before.clientY) / 2);
    viewer.zoomBy(span(now) / Math.max(span(before), 1), ...fromMiddle(middle));
  }

  for (const end of /** @type {const} */ (['pointerup', 'pointercancel'])) {
    frame.addEventListener(end, (event) => {
      if (!fingers.delete(event.pointerId) || end === 'pointercancel' || !isTap) return;
      tap(event);
    });
  }

  /** The second of two quick taps in one place zooms in there, or back out. @param {PointerEvent} event */
  function tap(event) {
    const { time, x, y } = lastTap;
    lastTap = { time: event.timeStamp, x: event.clientX, y: event.clientY };
    if (event.timeStamp - time > TAP_MS || Math.hypot(event.clientX - x, event.clientY - y) > TAP_PX) return;
    lastTap.time = 0;
    const factor = viewer.view.zoom > 1 ? 1 / viewer.view.zoom : CLOSE_UP;
    viewer.zoomBy(factor, ...fromMiddle(event));
  }

  frame.addEventListener(
    'wheel',
    (event) => {
      if (!viewer.picture) return;
      event.preventDefault();
      const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 * event.deltaY : event.deltaY;
      viewer.zoomBy(STEP ** -pixels, ...fromMiddle(event));
    },
    { passive: false },
  );
}
