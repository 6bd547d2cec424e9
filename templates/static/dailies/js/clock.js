// Elapsed times are counted here, from when each began: a second that passes costs no request.

let ahead = 0; // seconds by which the server's clock is before this machine's

const serverSeconds = () => Math.floor(Date.now() / 1000 + ahead);

export function setClock(seconds) {
  ahead = seconds - Date.now() / 1000;
}

function timecode(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const start = hours ? `${hours}:${String(minutes).padStart(2, "0")}` : `${minutes}`;
  return `${start}:${String(seconds % 60).padStart(2, "0")}`;
}

// As shown_generation.py's Clock has it: 1000 is the longer of what was and a third beyond what 9 in 10 take.
function draw(line, elapsed) {
  const [p50, p90] = [Number(line.dataset.p50), Number(line.dataset.p90)];
  const full = Math.max(p90 * 1.35, elapsed, 1);
  const at = (seconds) => Math.round((1000 * seconds) / full);
  const usual = line.querySelector(".clock-usual");
  usual.setAttribute("x", at(p50));
  usual.setAttribute("width", Math.max(6, at(p90) - at(p50)));
  line.querySelector(".clock-gone").setAttribute("width", at(elapsed));
}

export function tick() {
  if (document.hidden) return;
  const now = serverSeconds();
  for (const clock of document.querySelectorAll("[data-since]")) {
    const elapsed = Math.max(0, now - Number(clock.dataset.since));
    if (clock.classList.contains("clock-line")) draw(clock, elapsed);
    // What somebody is selecting stands still.
    else if (!getSelection().containsNode(clock, true)) clock.firstChild.data = timecode(elapsed);
  }
  for (const row of document.querySelectorAll("[data-late-at]")) {
    row.classList.toggle("is-late", now >= Number(row.dataset.lateAt));
  }
}

setInterval(tick, 1000);
