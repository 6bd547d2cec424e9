// What is typed is kept on the server: at once, then soon after each pause, and when the page is left.

const SOON = 400; // milliseconds after the last change
const LATEST = 3000; // after the first one that is not saved yet
const AGAIN = 5000; // after a save that did not arrive

let sequence = 0;
let timer;
let waitsSince = 0; // when the first change came that no save carries yet
let lastSave = -SOON;
let isTouched = false; // since the page was loaded
let isUncertain = false; // a save is in progress, or did not arrive

const form = () => document.getElementById("composer");
const state = () => document.getElementById("draft");

function claimAddress() {
  const { elements, dataset } = form();
  const address = dataset.address + elements.draft.value;
  if (location.pathname + location.search !== address) history.replaceState(history.state, "", address);
}

function changed() {
  const now = performance.now();
  claimAddress();
  isTouched = true;
  waitsSince ||= now;
  state().textContent = "Saving…";
  clearTimeout(timer);
  const isFirst = now - lastSave > SOON && waitsSince === now;
  timer = setTimeout(save, isFirst ? 0 : Math.min(SOON, Math.max(0, waitsSince + LATEST - now)));
}

function save() {
  if (!state()) return;
  clearTimeout(timer);
  waitsSince = 0;
  lastSave = performance.now();
  isUncertain = true;
  htmx.trigger(state(), "dailies:save");
}

function notSaved(words) {
  isUncertain = true;
  state().textContent = words;
  clearTimeout(timer);
  timer = setTimeout(save, AGAIN);
}

// A page that is left can wait for no answer; the request outlives it.
function flush() {
  if (!form()?.elements.draft || !(waitsSince || isUncertain)) return;
  const body = new FormData(form());
  for (const name of ["first_frame_file", "last_frame_file"]) body.delete(name);
  sequence += 1;
  body.set("draft_sequence", sequence);
  const headers = { "HX-Request": "true" };
  fetch(state().getAttribute("hx-post"), { method: "POST", body, headers, keepalive: true }).catch(() => {});
  waitsSince = 0;
}

for (const name of ["input", "change"]) {
  document.addEventListener(name, (event) => {
    const isFile = event.target.type === "file"; // its slot says when it is there
    if (event.target.closest?.("#composer") && !isFile && event.target.name !== "model") changed();
  });
}
document.addEventListener("dailies:changed", changed);

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "draft" && event.target.id !== "composer") return;
  sequence += 1;
  event.detail.formData.set("draft_sequence", sequence);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id !== "composer") return;
  // It carries everything that was typed.
  clearTimeout(timer);
  waitsSince = 0;
  isUncertain = false;
});

// What was saved after this page was read comes late: not over what is typed by then.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig.elt.id === "newer" && isTouched) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, successful } = event.detail;
  // Create takes over what waits to be saved: a request that failed has saved nothing either.
  if (event.target.id !== "draft" && (event.target.id !== "composer" || successful)) return;
  if (successful && xhr.status === 200) isUncertain = false;
  else if (xhr.getResponseHeader("HX-Redirect")) notSaved("Not saved: you are signed out");
  else if (!successful && xhr.status !== 0) notSaved("Not saved yet");
  else if (xhr.status === 0) notSaved("Not saved yet: Dailies cannot be reached");
});

document.addEventListener("dailies:draft", (event) => {
  const { elements } = form();
  elements.draft.value = event.detail.draft;
  elements.idempotency_key.value = event.detail.idempotency_key;
  claimAddress();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const isComposer = event.target.id === "composer" || event.detail.target?.id === "composer";
  if (!isComposer || !form()?.elements.draft) return;
  if (event.detail.requestConfig?.elt?.name === "model") changed();
  else if (event.detail.requestConfig?.verb === "post") claimAddress();
});

for (const name of ["beforeunload", "pagehide"]) addEventListener(name, flush);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") flush();
});

// A page out of the browser's memory may show another state, or another person's.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
