/** Clicks too many: the second of a double one meets what the first has brought, the next question or galaxy. */

const ROW_MS = 350;
const SAME_PLACE_PX = 24;

/** Of clicks in one place in a quick row the first alone reaches a button in here. @param {HTMLElement} place */
export function takeFirstClicks(place) {
  let last = { clientX: 0, clientY: 0, timeStamp: -Infinity };
  const isOneMore = (/** @type {MouseEvent} */ event) =>
    event.detail > 1 && // a key's click has 0
    event.timeStamp - last.timeStamp < ROW_MS &&
    Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) < SAME_PLACE_PX;
  place.addEventListener(
    'click',
    (event) => {
      const isTooMany = isOneMore(event) && /** @type {Element} */ (event.target).closest('button, a');
      if (event.detail) last = event;
      if (!isTooMany) return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
}
