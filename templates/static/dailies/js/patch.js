// Bring a part of the page up to date by changing only what differs: focus, selection, scrolling, open menus and
// typed text live in nodes, and stay as long as their nodes do.

// People open and close these; `aria-current` depends on the page, which a fragment does not know.
const THEIRS = new Set(["open", "aria-current"]);

const keyOf = (node) => {
  if (node.id) return `#${node.id}`;
  if (node.nodeName === "FORM") return node.getAttribute("action");
  if (node.nodeName === "A") return node.getAttribute("href");
  if (node.nodeName === "BUTTON") return `${node.name}=${node.value}`;
  return "";
};

// What a script put there, or what says how a request of this page ended.
const isKept = (node) => node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-keep");

// A row of which something is selected when it has ended.
const isLeaving = (node) => node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-leaving");

const kindOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? `${node.nodeName} ${keyOf(node)}` : node.nodeName);

const hasFocus = (node) => node.contains(document.activeElement);

function isSelected(node) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(node, true);
}

const isPinned = (node) => hasFocus(node) || isSelected(node);

// Only the characters that differ are replaced, so that a selection around them holds.
function patchText(node, text) {
  const before = node.data;
  if (before === text) return;
  const shorter = Math.min(before.length, text.length);
  let start = 0;
  while (start < shorter && before[start] === text[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === text.at(-1 - end)) end += 1;
  node.replaceData(start, before.length - start - end, text.slice(start, text.length - end));
}

function patchAttributes(node, fresh) {
  const isField = node.matches("input:not([type=hidden]), select, textarea, option");
  for (const { name } of [...node.attributes]) {
    if (!fresh.hasAttribute(name) && !THEIRS.has(name) && !isField) node.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (THEIRS.has(name) || (isField && (name === "value" || name === "checked" || name === "selected"))) continue;
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
}

// Focus goes where the person would look: to the film's tile, to the next row, or to the list. What is selected stays
// until it is no longer.
export function remove(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    node.remove();
    return;
  }
  if (isSelected(node)) {
    node.setAttribute("data-leaving", "");
    return;
  }
  const focused = hasFocus(node);
  const id = node.dataset.generation;
  const beside = node.nextElementSibling ?? node.previousElementSibling;
  node.remove();
  if (!focused) return;
  const tile = id && document.querySelector(`#tile-${CSS.escape(id)} a`);
  const heir = tile || beside?.querySelector("a, button");
  (heir ?? document.querySelector("#active-title") ?? document.getElementById("main")).focus({ preventScroll: true });
}

// Pair each fresh node with the one that it stands for: of the same id, or the next one of its kind.
function pairs(parent, fresh) {
  const byKind = new Map();
  for (const node of parent.childNodes) {
    if (isKept(node)) continue;
    const kind = kindOf(node);
    byKind.set(kind, [...(byKind.get(kind) ?? []), node]);
  }
  return [...fresh.childNodes].map((node) => [node, byKind.get(kindOf(node))?.shift()]);
}

function nextOf(node) {
  let next = node;
  do next = next.nextSibling;
  while (next && (isKept(next) || isLeaving(next)));
  return next;
}

function place(parent, node, here) {
  if (!isPinned(node)) {
    parent.insertBefore(node, here);
    return;
  }
  // To move a node takes its focus and selection away: the others move behind it.
  let other = here;
  while (other && other !== node) {
    const next = nextOf(other);
    parent.insertBefore(other, node.nextSibling);
    other = next;
  }
}

function patchChildren(parent, fresh) {
  const paired = pairs(parent, fresh);
  const staying = new Set(paired.map(([, node]) => node));
  for (const node of [...parent.childNodes]) {
    if (!staying.has(node) && !isKept(node)) remove(node);
  }
  let here = [...parent.childNodes].find((node) => !isKept(node) && !(isLeaving(node) && !staying.has(node))) ?? null;
  for (const [wanted, old] of paired) {
    const node = old ?? document.importNode(wanted, true);
    if (node !== here) place(parent, node, here);
    here = nextOf(node);
    if (old) patch(old, wanted);
    else started(node);
  }
}

// Let htmx know what came in.
function started(node) {
  if (node.nodeType === Node.ELEMENT_NODE) htmx.process(node);
}

export function patch(node, fresh) {
  if (node.isEqualNode(fresh)) return;
  if (node.nodeType !== Node.ELEMENT_NODE) {
    patchText(node, fresh.data);
    return;
  }
  patchAttributes(node, fresh);
  if (node.nodeName !== "TEXTAREA") patchChildren(node, fresh);
}

// The sheet's earlier films were asked for by hand: what is sent is put among them, and takes none away.
export function merge(list, fresh) {
  let before = null;
  for (const item of [...fresh.children]) {
    let tile = document.getElementById(item.id);
    if (tile) {
      patch(tile, item);
    } else {
      tile = document.importNode(item, true);
      tile.classList.add("tile-new");
      if (before) before.after(tile);
      else list.prepend(tile);
      started(tile);
    }
    before = tile;
  }
}

document.addEventListener("selectionchange", () => {
  for (const node of document.querySelectorAll("[data-leaving]")) {
    if (!isSelected(node)) remove(node);
  }
});
