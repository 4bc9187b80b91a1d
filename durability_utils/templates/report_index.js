"use strict";
const table = document.querySelector(".rates");
const search = document.querySelector("#search");
search.parentElement.hidden = false;
search.addEventListener("input", () => {
  const asked = search.value.trim().toLowerCase().replace(/^service\b\s*/, "").replace(/^all services?$/, "all");
  for (const part of document.querySelectorAll("[data-id]")) part.hidden = !part.dataset.id.includes(asked);
  const services = [...document.querySelectorAll(".picture [data-id]")];
  const there = services.filter((service) => !service.hidden).length;
  document.querySelector("#found").textContent = !asked ? "" : there ? `${there} of ${services.length}` : "No service is called so.";
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
    table.append(...[...table.tBodies].slice(1).sort(order));  // all services together stay on top
  });
}
