/** Small things kept in this browser under a name, shared by its tabs; where storage is off, as long as the page lives. */

/** @type {Map<string, string>} what storage would not take: newer than what it has */
const unstored = new Map();

/** @param {string} name @param {unknown} value */
export function keep(name, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(name, text);
    unstored.delete(name);
  } catch {
    unstored.set(name, text);
  }
}

/** @param {string} name @returns {any} what was kept, or null */
export function kept(name) {
  try {
    return JSON.parse(unstored.get(name) ?? localStorage.getItem(name) ?? 'null');
  } catch {
    return null; // storage is off, or holds what we did not write
  }
}

/** Whether it goes with the page. @param {string} name */
export function isFleeting(name) {
  return unstored.has(name);
}

/** @param {string} name */
export function drop(name) {
  unstored.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // it was never stored
  }
}

/** @param {string} prefix @returns {string[]} the names that begin with it */
export function namesOf(prefix) {
  const names = new Set(unstored.keys());
  try {
    for (const name of Object.keys(localStorage)) names.add(name);
  } catch {
    // storage is off
  }
  return [...names].filter((name) => name.startsWith(prefix));
}

/**
 * Do the work while no other tab does work of this name; a browser without locks (or a page over plain HTTP) just does it.
 * @template T @param {string} name @param {() => Promise<T>} work @returns {Promise<T>}
 */
export function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}
