// What every page needs: copying, passing messages, and honest words when the server is away.

const toasts = () => document.getElementById("toasts");

export function toast(message, tone = "plain") {
  const note = document.createElement("p");
  note.className = `toast toast-${tone}`;
  note.dir = "auto";
  note.textContent = message;
  toasts().append(note);
  setTimeout(() => note.remove(), tone === "bad" ? 8000 : 4000);
}

async function copy(button) {
  const word = button.querySelector("[data-copy-word]");
  const before = word?.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    if (word) word.textContent = "Copied";
    toast("Copied");
  } catch {
    toast("The browser did not allow copying; select the text instead.", "bad");
  }
  setTimeout(() => {
    if (word) word.textContent = before;
  }, 2000);
}

// One dialog asks before every consequence: what asked may be gone before the answer.
function ask(button) {
  const dialog = document.getElementById("ask");
  const { ask: title, ...words } = button.dataset;
  for (const [name, text] of Object.entries({ title, ...words })) {
    document.getElementById(`ask-${name}`).textContent = text;
  }
  const { action } = button.form;
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue === "yes") send(action);
  };
  dialog.showModal();
}

async function send(action) {
  await htmx.ajax("POST", action, { swap: "none" });
  document.dispatchEvent(new CustomEvent("dailies:changed"));
}

document.addEventListener("click", (event) => {
  if (event.target.closest('[aria-disabled="true"]')) event.preventDefault();
  const asking = event.target.closest("[data-ask]");
  if (asking) {
    event.preventDefault();
    ask(asking);
  }
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  if (event.target.closest("[data-print]")) print();
});

document.addEventListener("dailies:toast", (event) => toast(event.detail.message, event.detail.tone));

// A file that is dropped beside its field would replace the page, and all that was typed there.
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => {
    const isField = event.target.matches?.('input[type="file"]');
    if (event.dataTransfer?.types.includes("Files") && !isField) event.preventDefault();
  });
}

// Whoever signs in again, perhaps in another tab, gets another token than this page was sent with.
const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];

function renewTokens() {
  for (const field of document.querySelectorAll('[name="csrfmiddlewaretoken"]')) field.value = token() ?? field.value;
}

document.addEventListener("submit", renewTokens, { capture: true });
document.addEventListener("htmx:configRequest", (event) => {
  const { headers, formData } = event.detail;
  if (!token()) return;
  renewTokens();
  headers["X-CSRFToken"] = token();
  if (formData.has("csrfmiddlewaretoken")) formData.set("csrfmiddlewaretoken", token());
});

// The session is over: what was typed here stays, and the sign-in page opens beside it.
export function sayWhetherSignedOut(isSignedOut) {
  const note = document.getElementById("signed-out");
  if (!note) return;
  note.querySelector("a").search = new URLSearchParams({ next: location.pathname + location.search });
  note.hidden = !isSignedOut;
}

document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = event.detail;
  const { login } = document.getElementById("signed-out").dataset;
  if (xhr.getResponseHeader("HX-Redirect")?.startsWith(login)) {
    event.preventDefault();
    sayWhetherSignedOut(true);
  } else if (xhr.status < 400) {
    sayWhetherSignedOut(false);
  }
});

// A swap takes the focus away with what had it; it goes to what stands in its place.
const focused = new WeakMap();

document.addEventListener("htmx:beforeRequest", (event) => focused.set(event.detail.xhr, document.activeElement.id));
document.addEventListener("htmx:afterSettle", (event) => {
  if (document.activeElement !== document.body) return;
  const heir = document.getElementById(focused.get(event.detail.xhr));
  if (heir && event.target.contains(heir)) heir.focus({ preventScroll: true });
});

// Only what a person asked for is worth a word: saving goes on automatically, and feed.js says what it misses.
function away(event, message) {
  const isAsked = event.detail.requestConfig?.verb === "post" && !event.target.matches("#price, #draft");
  if (isAsked) toast(message, "bad");
}

document.addEventListener("htmx:sendError", (event) =>
  away(event, "Dailies cannot be reached. Everything you typed is still here; try again in a moment."),
);
document.addEventListener("htmx:responseError", (event) =>
  away(event, "That did not work: the server answered with an error. Everything you typed is still here."),
);
