(() => {
  "use strict";
  const slides = [...document.querySelectorAll(".slide")];
  const least = 12;

  // What does not fit gets smaller print, measured once: figures take what is left.
  const fit = slide => {
    const body = slide.querySelector(".body");
    if (!body || slide.classList.contains("title")) return;
    const wanted = slide.querySelector("img") ? 300 : 0;
    const over = () => {
      const image = body.querySelector("img");
      return body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1 ||
        [...body.children].some(each => each.scrollWidth > body.clientWidth + 1 || each.offsetWidth > body.clientWidth + 1) ||
        (image && image.clientHeight < wanted);
    };
    for (let size = 26; over() && size > least; size -= 1) body.style.fontSize = `${size - 1}px`;
  };
  document.body.classList.add("measured");
  slides.forEach(fit);

  const stage = document.querySelector("main");
  const scale = () => {
    const by = Math.min(innerWidth / 1280, innerHeight / 720);
    stage.style.transform = `scale(${by}) translate(-50%, -50%)`;
  };
  let now = 0;
  const show = number => {
    now = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach((slide, i) => slide.classList.toggle("now", i === now));
    history.replaceState(null, "", `#${now + 1}`);
  };
  const told = () => (parseInt(location.hash.slice(1), 10) || 1) - 1;
  const keys = {
    ArrowRight: () => now + 1, ArrowDown: () => now + 1, PageDown: () => now + 1, " ": () => now + 1, Enter: () => now + 1,
    ArrowLeft: () => now - 1, ArrowUp: () => now - 1, PageUp: () => now - 1, Backspace: () => now - 1,
    Home: () => 0, End: () => slides.length - 1,
  };
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const code = slides[now].querySelector(".code");
    if (event.key === "c" && code) code.open = !code.open;
    if (event.key === "Escape" && code) code.open = false;
    if (event.target.closest("button, summary, a") && (event.key === "Enter" || event.key === " ")) return;
    if (!(event.key in keys)) return;
    event.preventDefault();
    show(keys[event.key]());
  });
  let from = null;
  addEventListener("touchstart", event => { from = event.touches[0].clientX; }, { passive: true });
  addEventListener("touchend", event => {
    const moved = event.changedTouches[0].clientX - from;
    if (from !== null && Math.abs(moved) > 50) show(now + (moved < 0 ? 1 : -1));
    from = null;
  });
  document.getElementById("back").addEventListener("click", () => show(now - 1));
  document.getElementById("on").addEventListener("click", () => show(now + 1));
  addEventListener("resize", scale);
  addEventListener("hashchange", () => show(told()));
  document.body.classList.add("deck");
  scale();
  show(told());
})();
