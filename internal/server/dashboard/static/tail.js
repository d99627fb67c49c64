// The live tail: events as the stream of the API sends them. It is read by
// fetch and not by EventSource, because that tells neither where a stream
// begins nor why one was refused: whoever comes back must know the first, so
// that there is no gap, and the second, to sign in again.

const most = 200; // Rows that are kept.
const silent = 60_000; // The stream shows that it is alive every 15 s.
const again = 1000; // Before it is tried again.

export function follow() {
  const table = document.getElementById('tail');
  if (!table) return;
  const state = document.getElementById('tail-state');
  const news = document.getElementById('tail-news');
  const note = document.getElementById('tail-note');
  const pause = document.getElementById('tail-pause');
  document.getElementById('tail-controls').hidden = false;

  const held = []; // What arrived while it was paused, the newest of it.
  let waiting = 0; // How many arrived then.
  let paused = false;
  let place = ''; // Behind which the stream goes on.
  let arrived = 0;
  let link = 'connecting';

  // What the badge shows; a screen reader hears of the connection, and of
  // events in numbers, every 5 s at most.
  function tell(now = link) {
    if (now !== link) news.textContent = now;
    link = now;
    const dropped = waiting > most ? `, the newest ${most} are kept` : '';
    state.textContent = paused && link === 'live' ? `paused, ${waiting} waiting${dropped}` : link;
    state.className = `badge ${link === 'live' && !paused ? 'good' : 'warn'}`;
  }

  async function run() {
    for (;;) {
      try {
        await once();
      } catch { /* It broke. */ }
      tell('reconnecting');
      await new Promise((done) => { setTimeout(done, again); });
    }
  }

  // once reads one connection to its end.
  async function once() {
    const stop = new AbortController();
    let alarm;
    const alive = () => { clearTimeout(alarm); alarm = setTimeout(() => stop.abort(), silent); };
    alive();
    try {
      const headers = place ? { 'Last-Event-ID': place } : {};
      const answer = await fetch(table.dataset.stream, { headers, cache: 'no-store', signal: stop.signal });
      if (answer.status === 401) { location.reload(); await new Promise(() => {}); } // To sign in, and back to here.
      if (answer.status === 422 && place) anew();
      if (!answer.ok) return;
      place ||= answer.headers.get('Last-Event-ID') ?? '';
      tell('live');
      for await (const message of messages(answer.body, alive)) {
        if (message.data) take(JSON.parse(message.data));
        if (message.id) place = message.id;
      }
    } finally {
      clearTimeout(alarm);
      stop.abort();
    }
  }

  // The log is not the one that it was: another database, or an older copy.
  function anew() {
    place = '';
    note.textContent = 'The log does not reach as far as what was seen here: it is another log, or an older copy. The tail begins anew, with what is appended from now on.';
    note.hidden = false;
  }

  function take(event) {
    if (!paused) { show(event); return; }
    waiting++;
    held.push(event);
    if (held.length > most) held.shift();
    tell();
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
    if (!paused) {
      for (const event of held.splice(0)) show(event);
      waiting = 0;
    }
    tell();
  });
  document.getElementById('tail-clear').addEventListener('click', () => { table.tBodies[0].replaceChildren(); });

  setInterval(() => {
    if (arrived > 0) news.textContent = `${arrived} new ${arrived === 1 ? 'event' : 'events'}`;
    arrived = 0;
  }, 5000);
  run();
}

// messages reads server-sent events, and says of each piece that it came.
async function* messages(body, came) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let message = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    came();
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') { yield message; message = {}; continue; }
      const colon = line.indexOf(':');
      if (colon > 0) message[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
    }
  }
}
