/** Pictures that are decoded before they are shown, so that showing one costs a frame and not a wait. */

const PATIENCE_MS = 30_000;

/**
 * A picture ready to be put on the page; null when it did not load, or not in time: a network can fall silent.
 * @param {string} url @returns {Promise<HTMLImageElement | null>}
 */
export async function decoded(url) {
  const picture = new Image();
  picture.setAttribute('elementtiming', 'galaxy'); // the browser notes when it was painted first
  picture.draggable = false;
  picture.src = url;
  const late = new Promise((_, reject) => setTimeout(reject, PATIENCE_MS));
  try {
    await Promise.race([picture.decode(), late]);
    return picture;
  } catch {
    return null;
  }
}
