/* How a visitor likes the pages to look, kept in this browser alone. Runs before the first paint, so it is no module. */

(() => {
  const NAME = 'voorwerp.theme';
  const THEMES = ['light', 'dark', 'contrast'];
  const root = document.documentElement;

  /** @returns {string} one of THEMES, or '' for what the device says */
  const kept = () => {
    try {
      const theme = localStorage.getItem(NAME) ?? '';
      return THEMES.includes(theme) ? theme : '';
    } catch {
      return ''; // a browser that keeps nothing
    }
  };

  /** @param {string} theme */
  const show = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  show(kept());
  addEventListener('storage', (event) => event.key === NAME && show(kept())); // another tab chose
  addEventListener('DOMContentLoaded', () => {
    const choice = /** @type {HTMLSelectElement | null} */ (document.getElementById('theme'));
    if (!choice?.parentElement) return;
    choice.parentElement.hidden = false;
    choice.value = kept();
    choice.addEventListener('change', () => {
      show(choice.value);
      try {
        localStorage.setItem(NAME, choice.value);
      } catch {
        // shown all the same, until the page is left
      }
    });
  });
})();
