// Images that are dropped anywhere or pasted go into the first free slot.

const say = (message, tone) =>
  document.dispatchEvent(new CustomEvent("dailies:toast", { detail: { message, tone } }));

const inputs = () => [...document.querySelectorAll('#composer .slot input[type="file"]')];

function take(files) {
  const free = inputs().filter((input) => !input.files.length);
  for (const file of files) {
    const input = free.shift();
    if (!input) {
      const slots = document.querySelectorAll("#composer .slot").length;
      say(slots ? "Every frame is set. Remove one first." : "This model takes no frames.", "bad");
      return;
    }
    const one = new DataTransfer();
    one.items.add(file);
    input.files = one.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

document.addEventListener("drop", (event) => {
  // An input takes what is dropped on it without us.
  if (!carriesFiles(event) || event.target.matches?.('input[type="file"]')) return;
  take(event.dataTransfer.files);
});

document.addEventListener("paste", (event) => {
  const { files, types } = event.clipboardData;
  if (!files.length || types.includes("text/plain")) return;
  event.preventDefault();
  take(files);
});

// A file over the page: a slot under it says that it takes it, else the free one does.
for (const [name, isOver] of [
  ["dragenter", true],
  ["dragover", true],
  ["dragleave", false],
  ["drop", false],
]) {
  document.addEventListener(name, (event) => {
    for (const slot of document.querySelectorAll("#composer .slot.over")) slot.classList.remove("over");
    if (!isOver || !carriesFiles(event)) return;
    const free = inputs().find((input) => !input.files.length);
    (event.target.closest?.(".slot") ?? free?.closest(".slot"))?.classList.add("over");
  });
}

// A first frame's shape is the film's, unless somebody chooses another.
document.addEventListener("dailies:frame", (event) => {
  const form = document.getElementById("composer");
  const { ratio } = event.detail;
  const choice = [...form.querySelectorAll('[name="aspect_ratio"]')].find((one) => one.value === ratio);
  if (choice && !choice.checked) {
    choice.checked = true;
    say(`Aspect ratio set to ${ratio}, the closest to the first frame`);
  }
  form.querySelector("#controls").dispatchEvent(new Event("input", { bubbles: true }));
});
