// Say what has become of a person's films: to screen readers, in the tab's title and, if they want it, by the browser.

import { toast } from "./page.js";

const ENDED = new Set(["ready", "failed", "film_lost", "cancelled"]);
const NOTIFYING = "dailies.notify";
const MOST_WORDS = 60;

const title = document.title;
const states = new Map(); // of each own generation that was seen, by its id
const opened = Number(document.querySelector("[data-now]")?.dataset.now);
const voice = document.createElement("p");
const button = document.getElementById("notify");

let endedUnseen = 0;

voice.id = "news";
voice.className = "hidden";
voice.setAttribute("role", "status");
document.body.append(voice);

function promptOf(node) {
  const text = node.querySelector(".generation-prompt, .tile-prompt, .script")?.textContent.trim() ?? "";
  return text.length > MOST_WORDS ? `${text.slice(0, MOST_WORDS).trimEnd()}…` : text;
}

function* seen() {
  for (const node of document.querySelectorAll("[data-word][data-own]")) {
    const id = node.dataset.generation ?? node.dataset.id ?? node.id.replace("tile-", "");
    const { state, word, at } = node.dataset;
    yield { id, state, word, isYoung: Number(at) >= opened, prompt: promptOf(node) };
  }
}

export function noteNews() {
  const news = [];
  for (const { id, state, word, isYoung, prompt } of seen()) {
    const before = states.get(id);
    states.set(id, state);
    if (before === state) continue;
    const ended = ENDED.has(state);
    if (ended && (before || isYoung)) news.push({ word, prompt, ended });
    else if (!before && isYoung && !ended) news.push({ word: "Created", prompt, ended });
  }
  if (news.length) announce(news);
  showTitle();
}

function announce(news) {
  voice.textContent = news.map(({ word, prompt }) => `${word}: ${prompt}`).join(". ");
  const ended = news.filter((one) => one.ended);
  if (!document.hidden || !ended.length) return;
  endedUnseen += ended.length;
  if (isNotifying()) {
    for (const { word, prompt } of ended) new Notification(word, { body: prompt });
  }
}

function showTitle() {
  const own = Number(document.getElementById("active")?.dataset.own ?? 0);
  if (document.hidden && endedUnseen) document.title = `✓ ${title}`;
  else document.title = own ? `(${own}) ${title}` : title;
}

const isNotifying = () =>
  sessionStorage.getItem(NOTIFYING) !== null && window.Notification?.permission === "granted";

function showButton() {
  if (!button) return;
  button.hidden = !window.Notification;
  button.setAttribute("aria-pressed", isNotifying());
}

// The browser asks the person only because they clicked.
async function switchNotifying() {
  if (isNotifying()) {
    sessionStorage.removeItem(NOTIFYING);
    toast("Notifications are off.");
  } else if ((await Notification.requestPermission()) === "granted") {
    sessionStorage.setItem(NOTIFYING, "");
    toast("Notifications are on in this tab until you close it.");
  } else {
    toast("The browser does not allow notifications from this page.");
  }
  showButton();
}

button?.addEventListener("click", switchNotifying);
// What is created on this page is said by its toast.
document.addEventListener("dailies:toast", ({ detail }) => detail.created && states.set(detail.created, "created"));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) endedUnseen = 0;
  showTitle();
});
showButton();
