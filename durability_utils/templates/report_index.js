"use strict";
const table = document.querySelector(".rates");
const search = document.querySelector("#search");
search.parentElement.hidden = false;
search.addEventListener("input", () => {
  const asked = search.value.trim().toLowerCase();
  for (const part of document.querySelectorAll("[data-name]")) part.hidden = !part.dataset.name.includes(asked);
});
const value = (body, at) => body.rows[0].cells[at].dataset.value ?? "";
for (const head of table.tHead.querySelectorAll("[data-at]")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const at = Number(head.dataset.at);
    const before = head.getAttribute("aria-sort") ?? (at ? "ascending" : "descending");  // names from A, shares from above
    const down = before === "ascending";
    table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = (one, other) => {
      const [a, b] = [value(one, at), value(other, at)];
      if (a === "" || b === "") return (a === "") - (b === "");  // who has no number comes last
      return (at ? a - b : a.localeCompare(b, undefined, {numeric: true})) * (down ? -1 : 1);
    };
    table.append(...[...table.tBodies].sort(order));
  });
}
