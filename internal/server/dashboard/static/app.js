// What moves on a page. Every page works without it.
import { follow } from './tail.js';
import { refreshAll, watchStore } from './refresh.js';

// Countdowns to a time, such as the next attempt. What has been due for long
// waits for something else: it says since when.
function countdowns() {
  for (const el of document.querySelectorAll('time[data-countdown]')) {
    const left = Math.ceil((Date.parse(el.dateTime) - Date.now()) / 1000);
    el.title = el.dateTime;
    if (left < -30) el.textContent = `due since ${el.dateTime.slice(0, 19).replace('T', ' ')}`;
    else if (left <= 0) el.textContent = 'due now';
    else if (left < 60) el.textContent = `in ${left} s`;
    else if (left < 3600) el.textContent = `in ${Math.floor(left / 60)} min ${left % 60} s`;
    else el.textContent = `in ${Math.floor(left / 3600)} h ${Math.floor(left / 60) % 60} min`;
  }
}

// Buttons that copy; hidden where the browser cannot.
function copying() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll('[data-copy][hidden]')) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not allowed';
      }
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}

// A box that ticks all others of its name.
function selecting() {
  for (const all of document.querySelectorAll('[data-all]')) {
    all.hidden = false;
    const boxes = () => [...document.querySelectorAll(`input[name="${all.dataset.all}"]`)];
    all.addEventListener('change', () => { for (const box of boxes()) box.checked = all.checked; });
    document.addEventListener('change', () => {
      const checked = boxes().filter((box) => box.checked).length;
      all.checked = checked > 0 && checked === boxes().length;
      all.indeterminate = checked > 0 && !all.checked;
    });
  }
}

// Forms that cannot be undone ask first.
document.addEventListener('submit', (e) => {
  const question = e.target.dataset.confirm;
  if (question && !window.confirm(question)) e.preventDefault();
});

// A notice is shown once; its name has no place in the address. And a page that
// answers a form stands where the form stood, so that it can be loaded again.
const here = new URL(document.getElementById('main').dataset.self ?? location, location);
here.searchParams.delete('notice');
if (here.href !== location.href) history.replaceState(null, '', here);

// On a phone the navigation is wider than the screen.
document.querySelector('.top nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

countdowns();
setInterval(countdowns, 1000);
copying();
selecting();
refreshAll(() => { countdowns(); copying(); });
watchStore();
follow();
