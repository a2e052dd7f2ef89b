/** A notice in place of the question: nothing left, no connection, signed out. */

import { focusOnQuestion, retitle } from './focus.js';

/** @typedef {{label: string, does: () => unknown}} Action */

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** @param {string} title @param {string} text @param {Action[]} actions one or two */
export function showNotice(title, text, actions) {
  const isNew = element('notice').hidden || element('notice-title').textContent !== title;
  element('asking').hidden = true;
  if (isNew) retitle('notice-title', title);
  element('notice-text').textContent = text;
  for (const [place, id] of ['notice-action', 'notice-other'].entries()) {
    const button = element(id);
    const action = actions[place];
    button.hidden = !action;
    if (!action) continue;
    button.textContent = action.label;
    button.onclick = action.does;
  }
  element('notice').hidden = false;
  if (isNew) focusOnQuestion();
}

export function hideNotice() {
  element('notice').hidden = true;
}

export const isNoticeShown = () => !element('notice').hidden;
