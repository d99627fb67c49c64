// Parts of a page that are kept fresh, and what is said while the API does not answer.

const banner = document.getElementById('down');

// saidDown tells what is away: 'store', 'stopping' or 'server'; '' when all is there.
function saidDown(why) {
  if (!banner) return;
  for (const el of banner.querySelectorAll('[data-why]')) el.hidden = el.dataset.why !== why;
  banner.hidden = why === '';
}

// whyOf reads what an answer tells: a server that shuts down answers as one
// without its store does, and says which it is.
async function whyOf(answer) {
  if (answer.status !== 503) return '';
  const text = await answer.text();
  return text.includes('shutting down') ? 'stopping' : 'store';
}

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
    if (!answer.ok) return null; // watchStore says why.
    return new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById(id);
  } catch {
    return null;
  }
}

// watchStore asks now and then, and when somebody comes back to the page,
// whether the API can work. A page that could not be shown is loaded again then.
export function watchStore() {
  if (!document.querySelector('header.top')) return;
  let asking = false;
  const ask = async () => {
    if (document.hidden || asking) return;
    asking = true;
    let why = 'server';
    try { why = await whyOf(await fetch('/readyz')); } catch { /* Not there. */ }
    asking = false;
    saidDown(why);
    if (why === '' && document.querySelector('[data-retry]')) location.reload();
  };
  setInterval(ask, 3000);
  window.addEventListener('focus', ask);
}
