for (const table of document.querySelectorAll("table.board")) {
  table.querySelectorAll("thead button").forEach((button, column) => button.addEventListener("click", () => {
    const head = button.parentElement, up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("thead th").forEach(each => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = row => {
      const cell = row.children[column], value = cell.dataset.value;
      return value === undefined ? cell.textContent.trim() : value === "" ? NaN : Number(value);
    };
    [...table.tBodies[0].rows].sort((a, b) => {
      const x = key(a), y = key(b);
      if (x !== x || y !== y) return (x !== x) - (y !== y);
      const order = typeof x === "string" ? x.localeCompare(y) : x - y;
      return up ? order : -order;
    }).forEach(row => table.tBodies[0].append(row));
  }));
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(each => { each.open = true; }));
if (window.matchMedia("(min-width: 1000px)").matches) {
  document.querySelectorAll("nav details").forEach(each => { each.open = true; });
}
