// Parts of a page that are kept fresh, and what is said while the store is away.

const banner = document.getElementById('down');

function saidDown(down) { if (banner) banner.hidden = !down; }

// refreshAll fetches this page anew as often as its parts say (data-refresh,
// in seconds) and puts the new parts in. A part that somebody works in, or
// reads with something open in it, stays.
export function refreshAll(done) {
  for (const part of document.querySelectorAll('[data-refresh][id]')) schedule(part.id, Number(part.dataset.refresh), done);
}

function schedule(id, seconds, done) {
  if (!(seconds > 0)) return;
  setTimeout(async () => {
    let next = seconds;
    const part = document.getElementById(id);
    if (!part) return;
    if (!document.hidden && !busy(part)) {
      const fresh = await fetchPart(id);
      if (fresh && !busy(part)) {
        replace(part, fresh);
        next = Number(fresh.dataset.refresh);
        done();
      }
    }
    schedule(id, next, done);
  }, seconds * 1000);
}

const busy = (part) => part.contains(document.activeElement) || part.querySelector('details.opened') !== null ||
  !window.getSelection().isCollapsed && part.contains(window.getSelection().anchorNode);

// Tables keep their place when they are put in anew.
function replace(part, fresh) {
  const places = [...part.querySelectorAll('.scroll')].map((el) => el.scrollLeft);
  part.replaceWith(fresh);
  fresh.querySelectorAll('.scroll').forEach((el, i) => { el.scrollLeft = places[i] ?? 0; });
}

// What a person opened stays open.
document.addEventListener('click', (e) => {
  const details = e.target.closest?.('summary')?.parentElement;
  details?.classList.toggle('opened', !details.open);
});

async function fetchPart(id) {
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, redirect: 'manual' });
    if (answer.type === 'opaqueredirect') { location.reload(); return null; } // Signed out.
    saidDown(answer.status === 503);
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById(id);
  } catch {
    saidDown(true);
    return null;
  }
}

// watchStore asks now and then whether the store is there, and loads a page
// that could not be shown again when it is.
export function watchStore() {
  if (!document.querySelector('header.top')) return;
  setInterval(async () => {
    if (document.hidden) return;
    let ready = false;
    try { ready = (await fetch('/readyz')).ok; } catch { /* Not there. */ }
    saidDown(!ready);
    if (ready && document.querySelector('[data-retry]')) location.reload();
  }, 3000);
}
