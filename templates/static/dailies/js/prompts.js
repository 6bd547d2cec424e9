// ↑ in an empty prompt brings earlier ones, ↓ goes back; both while the caret is still at the start.

let earlier;
let shown = -1; // which of them stands in the prompt

const status = () => document.getElementById("prompt-earlier");

async function load(prompt) {
  const reply = await fetch(prompt.dataset.earlier, { headers: { "HX-Request": "true" } });
  if (!reply.ok || reply.status === 204) return [];
  return (await reply.json()).prompts;
}

function show(prompt, number) {
  shown = number;
  prompt.value = earlier[number] ?? "";
  prompt.setSelectionRange(0, 0);
  prompt.scrollTop = 0;
  prompt.dispatchEvent(new Event("input", { bubbles: true }));
  status().textContent = number < 0 ? "Empty prompt" : `Earlier prompt ${number + 1} of ${earlier.length}`;
}

document.addEventListener("keydown", async (event) => {
  const prompt = event.target;
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (prompt.id !== "prompt" || !step || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (!prompt.value) shown = -1;
  else if (shown < 0 || prompt.value !== earlier[shown] || prompt.selectionEnd) return;
  if (shown + step < -1) return;
  event.preventDefault();
  const before = prompt.value;
  if (shown < 0) earlier = await load(prompt).catch(() => []);
  if (prompt.value !== before) return; // somebody typed meanwhile
  if (!earlier.length) status().textContent = "No earlier prompts";
  else if (shown + step < earlier.length) show(prompt, shown + step);
});
