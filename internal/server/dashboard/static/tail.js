// The live tail: events as the stream of the API sends them. A browser comes
// back with the id that it saw last, so a connection that breaks leaves no gap.

const most = 200; // Rows that are kept.

export function follow() {
  const table = document.getElementById('tail');
  if (!table) return;
  const state = document.getElementById('tail-state');
  const news = document.getElementById('tail-news');
  const pause = document.getElementById('tail-pause');
  document.getElementById('tail-controls').hidden = false;

  const held = []; // What arrived while it was paused.
  let paused = false;
  let last = ''; // The id that was seen last.
  let arrived = 0;

  const say = (text, tone) => { state.textContent = text; state.className = `badge ${tone}`; };
  const tell = () => {
    if (paused) say(`paused, ${held.length} waiting`, 'warn');
    else say('live', 'good');
  };

  function open() {
    const url = new URL(table.dataset.stream, location);
    if (last) url.searchParams.set('after', last);
    const source = new EventSource(url);
    source.onopen = tell;
    source.onmessage = (message) => {
      last = message.lastEventId;
      const event = JSON.parse(message.data);
      if (paused) {
        held.push(event);
        if (held.length > most) held.shift();
        tell();
      } else show(event);
    };
    source.onerror = () => {
      say('reconnecting', 'warn');
      // The browser comes back by itself, unless it was refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
  }

  function show(event) {
    const row = document.createElement('tr');
    row.className = 'new';
    const link = document.createElement('a');
    link.href = `/events/${encodeURIComponent(event.event_id)}`;
    link.textContent = event.event_type;
    cell(row, link);
    cell(row, event.memory_id).className = 'wide';
    for (const text of [event.memory_type, event.agent, event.project_id]) cell(row, text || '–');
    cell(row, (event.appended_at ?? event.timestamp).slice(0, 19).replace('T', ' '));
    table.tBodies[0].prepend(row);
    while (table.rows.length > most + 1) table.deleteRow(-1);
    arrived++;
  }

  function cell(row, content) {
    const td = document.createElement('td');
    td.append(content);
    row.append(td);
    return td;
  }

  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    pause.textContent = paused ? 'Go on' : 'Pause';
    if (!paused) for (const event of held.splice(0)) show(event);
    tell();
  });
  document.getElementById('tail-clear').addEventListener('click', () => { table.tBodies[0].replaceChildren(); });

  // A screen reader hears how many came, at most every 5 seconds.
  setInterval(() => {
    if (arrived > 0) news.textContent = `${arrived} new ${arrived === 1 ? 'event' : 'events'}`;
    arrived = 0;
  }, 5000);
  open();
}
