// A page that stays up to date: it asks the server what has changed since the version that it shows, at the pace that
// the server sets, and seldom while nobody looks.

import { setClock, tick } from "./clock.js";
import { noteNews } from "./news.js";
import { sayWhetherSignedOut } from "./page.js";
import { merge, patch, remove } from "./patch.js";

const HIDDEN_SECONDS = 35; // at the least: no more than two requests a minute
const FIRST_SECONDS = 3;
const MOST_SECONDS = 60;
const FAILURES_TO_SAY = 2;
const AWAY = "Dailies cannot be reached. Everything you typed is still here.";

const shown = document.querySelector("[data-feed]")?.dataset ?? { feed: "header" };

let version = shown.version ?? "";
let wait = FIRST_SECONDS;
let failures = 0;
let asked = performance.now();
let timer = null;
let isAsking = false;
let isAskedAgain = false;

function address(ended) {
  const query = new URLSearchParams({ view: shown.feed, page: location.pathname });
  if (shown.id) query.set("id", shown.id);
  if (shown.rows) query.set("rows", shown.rows);
  if (ended.length) query.set("ended", ended.join());
  return `/feed/?${query}`;
}

function schedule() {
  clearTimeout(timer);
  const seconds = document.hidden ? Math.max(wait, HIDDEN_SECONDS) : wait;
  const left = asked + seconds * 1000 - performance.now();
  timer = setTimeout(look, Math.max(0, left));
}

// Ask at once, or once more when the answer that is awaited may be too old.
function look() {
  if (isAsking) isAskedAgain = true;
  else ask([]);
}

async function ask(ended) {
  isAsking = true;
  isAskedAgain = false;
  clearTimeout(timer);
  asked = performance.now();
  let missed = [];
  try {
    const headers = { "If-None-Match": version, "X-Dailies-Team": document.body.dataset.team };
    const answer = await fetch(address(ended), { headers, redirect: "manual", cache: "no-store" });
    missed = await take(answer);
  } catch {
    failed();
    if (failures >= FAILURES_TO_SAY) say(AWAY);
  }
  isAsking = false;
  if (missed.length && !ended.length) ask(missed);
  else if (isAskedAgain) ask([]);
  else schedule();
}

// Returns the ids of those that have gone from what is in progress and were not sent as tiles.
async function take(answer) {
  if (answer.type === "opaqueredirect") {
    failed();
    sayWhetherSignedOut(true);
    return [];
  }
  if (answer.status !== 200 && answer.status !== 304) throw new Error(`status ${answer.status}`);
  const html = answer.status === 200 ? await answer.text() : "";
  failures = 0;
  say("");
  sayWhetherSignedOut(false);
  // Another team was entered in another tab: its figures are none of this page's.
  if (answer.headers.get("X-Dailies-Team") !== document.body.dataset.team) return [];
  wait = Number(answer.headers.get("X-Dailies-Wait"));
  setClock(Number(answer.headers.get("X-Dailies-Now")));
  version = answer.headers.get("ETag");
  return html ? show(new DOMParser().parseFromString(html, "text/html").body) : [];
}

function show(fresh) {
  const before = rowIds();
  for (const name of ["missed", "sheet"]) {
    const [list, sent] = [document.getElementById("sheet"), fresh.querySelector(`#${name}`)];
    if (list && sent) merge(list, sent);
    sent?.remove();
  }
  for (const part of [...fresh.children]) {
    const old = document.getElementById(part.id);
    if (old) patch(old, part);
  }
  const after = new Set(rowIds());
  // A lost film that is being saved again.
  for (const tile of [...after].map(tileOf)) if (tile) remove(tile);
  tick();
  noteNews();
  return before.filter((id) => !after.has(id) && !tileOf(id));
}

const tileOf = (id) => document.getElementById(`tile-${id}`);

const rowIds = () =>
  [...document.querySelectorAll("#active [data-generation]:not([data-leaving])")].map((row) => row.dataset.generation);

function failed() {
  failures += 1;
  wait = Math.min(MOST_SECONDS, FIRST_SECONDS * 2 ** failures) * (1 + Math.random() / 4);
}

function say(words) {
  let note = document.getElementById("away");
  if (!words) {
    note?.remove();
    return;
  }
  if (!note) {
    note = document.createElement("p");
    note.id = "away";
    note.className = "toast toast-bad";
    document.getElementById("toasts").append(note);
  }
  if (note.textContent !== words) note.textContent = words;
}

document.addEventListener("visibilitychange", () => (document.hidden ? schedule() : look()));
// Back from where the browser had kept the page as it was.
addEventListener("pageshow", (event) => event.persisted && look());
document.addEventListener("dailies:changed", look);
document.addEventListener("htmx:afterSwap", () => document.querySelector("#composer[data-sent]") && look());
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-rows]:is(a)");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  shown.rows = link.dataset.rows;
  look();
});

tick();
noteNews();
schedule();
