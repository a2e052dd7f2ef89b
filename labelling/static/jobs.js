/** While a job runs, its list is asked for every two seconds; when the last one ends, the page is shown anew. */

const PAUSE_MS = 2000;

async function look() {
  const list = document.getElementById('jobs');
  if (!list?.dataset.poll || list.dataset.running !== 'yes') return;
  const reply = await fetch(list.dataset.poll, { credentials: 'same-origin' }).catch(() => null);
  if (reply?.ok && !reply.redirected) {
    const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
    const fresh = page.getElementById('jobs');
    if (!fresh) return;
    if (fresh.dataset.running !== 'yes') return location.reload();
    if (!list.contains(document.activeElement)) list.replaceWith(document.adoptNode(fresh));
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
