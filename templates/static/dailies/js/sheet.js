// Films play, muted, under the pointer or the focus; posters otherwise.

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function play(link) {
  if (calm.matches || link.querySelector("video")) return;
  const video = document.createElement("video");
  Object.assign(video, { src: link.dataset.film, muted: true, loop: true, playsInline: true });
  video.setAttribute("aria-hidden", "true");
  video.setAttribute("data-keep", ""); // through updates of its tile
  video.tabIndex = -1;
  video.addEventListener("playing", () => video.classList.add("playing"));
  link.querySelector("img").after(video);
  video.play().catch(() => video.remove());
}

function stop(link) {
  const video = link.querySelector("video");
  if (!video) return;
  video.classList.remove("playing");
  setTimeout(() => {
    video.removeAttribute("src");
    video.load();
    video.remove();
  }, 300);
}

const filmOf = (event) => event.target.closest?.("[data-film]");

document.addEventListener("pointerover", (event) => {
  const link = filmOf(event);
  if (link && event.pointerType === "mouse") play(link);
});
document.addEventListener("pointerout", (event) => {
  const link = filmOf(event);
  if (link && !link.contains(event.relatedTarget)) stop(link);
});
document.addEventListener("focusin", (event) => {
  const link = filmOf(event);
  if (link?.matches(":focus-visible")) play(link);
});
document.addEventListener("focusout", (event) => {
  const link = filmOf(event);
  if (link) stop(link);
});
