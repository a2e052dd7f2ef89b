/**
 * The page's texts in its visitor's language: Django's catalogue (`texts.js` of the site) puts gettext and its kin on the
 * window before this module runs; where it did not come, texts stay English.
 */

const catalogue = /** @type {any} */ (window);

/** @type {(text: string) => string} */
export const gettext = catalogue.gettext ?? ((text) => text);

/** @type {(one: string, many: string, n: number) => string} */
export const ngettext = catalogue.ngettext ?? ((one, many, n) => (n === 1 ? one : many));

/** `%(name)s` filled in. @type {(text: string, values: Record<string, string | number>) => string} */
export const interpolate = (text, values) =>
  text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
