// The studio's form: what it shows at once. Prices, rules and refusals all come from the server.

const numbers = new Intl.NumberFormat("en");

function showNumber(range) {
  const { id, min, max, value } = range;
  document.getElementById(`${id}-out`).value = `${value} ${range.dataset.sign}`;
  range.style.setProperty("--fill", `${((value - min) / (max - min)) * 100}%`);
}

function showCount(prompt) {
  // Characters as the server counts them: code points, with line ends as one.
  const count = [...prompt.value].length;
  document.getElementById("count").value = numbers.format(count);
  document.getElementById("prompt-count").classList.toggle("over", count > Number(prompt.dataset.max));
}

function wake() {
  const form = document.getElementById("composer");
  if (!form?.elements.prompt) return;
  form.querySelectorAll('input[type="range"]').forEach(showNumber);
  showCount(form.elements.prompt);
  if (form.hasAttribute("data-sent") || form.hasAttribute("data-stale")) {
    // A double click must not submit twice: the fresh form can be sent a moment later.
    setTimeout(() => {
      form.removeAttribute("data-sent");
      form.querySelector("#create").removeAttribute("aria-disabled");
    }, 1200);
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches('#composer input[type="range"]')) showNumber(event.target);
  if (event.target.id === "prompt") showCount(event.target);
});

document.addEventListener("keydown", (event) => {
  const wantsToSend = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (wantsToSend && event.target.id === "prompt") {
    event.preventDefault();
    document.getElementById("create").click();
  }
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "composer" && event.detail.target?.id !== "composer") return;
  wake();
  const wrong = document.querySelector('#composer [aria-invalid="true"], #composer [role="alert"]');
  if (wrong) {
    wrong.scrollIntoView({ block: "nearest", behavior: "smooth" });
    if (wrong.matches("input, textarea")) wrong.focus({ preventScroll: true });
  }
});

wake();
