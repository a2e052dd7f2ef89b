/**
 * Days, and days in a row, by the clock of whoever looks: where that is not UTC, the part of the page that counts them is
 * asked for again, and stands in place of the first. The time zone is kept nowhere.
 */

const journal = /** @type {HTMLElement} */ (document.getElementById('journal'));
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll('.wall time'))) {
  const day = new Date(time.dateTime);
  time.textContent = day.toLocaleDateString(document.documentElement.lang, { dateStyle: 'long' });
}

if (zone && zone !== 'UTC') {
  try {
    const answer = await fetch(`${journal.dataset.days}?zone=${encodeURIComponent(zone)}`);
    if (answer.ok) journal.innerHTML = await answer.text();
  } catch {
    // no network: the days of UTC stay
  }
}
