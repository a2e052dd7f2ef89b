/** Pictures that are decoded before they are shown, so that showing one costs a frame and not a wait. */

/**
 * A picture ready to be put on the page; null when it did not load.
 * @param {string} url @returns {Promise<HTMLImageElement | null>}
 */
export async function decoded(url) {
  const picture = new Image();
  picture.setAttribute('elementtiming', 'galaxy'); // the browser notes when it was painted first
  picture.draggable = false;
  picture.src = url;
  try {
    await picture.decode();
    return picture;
  } catch {
    return null;
  }
}
