// Draws each point cloud of a page when it comes into sight; plotly.min.js lies beside this file.
addEventListener("DOMContentLoaded", () => {
  const sight = new IntersectionObserver(entries => entries.filter(each => each.isIntersecting).forEach(({ target }) => {
    sight.unobserve(target);
    const figure = JSON.parse(target.querySelector("script").textContent);
    target.replaceChildren();
    Plotly.newPlot(target, figure.data, { ...figure.layout, width: undefined, autosize: true }, { responsive: true, displaylogo: false });
  }), { rootMargin: "400px" });
  document.querySelectorAll(".cloud").forEach(each => sight.observe(each));
});
