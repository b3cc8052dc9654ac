"use strict";
const cases = [...document.querySelectorAll("details.case")];
const search = document.querySelector("#search"), tag = document.querySelector("#tag");
const buttons = [...document.querySelectorAll(".filters button")], count = document.querySelector("#count");
let chosen = "all";
const words = new Map(cases.map((one) => [one, one.textContent.toLowerCase()]));
function filter() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const one of cases) {
    const kinds = one.dataset.kinds.split(" "), tags = JSON.parse(one.dataset.tags);
    one.hidden = !((chosen === "all" || kinds.includes(chosen)) && (!tag.value || tags.includes(tag.value))
      && wanted.every((word) => words.get(one).includes(word)));
    shown += !one.hidden;
  }
  count.textContent = shown === 1 ? "1 case" : `${shown} cases`;
}
for (const button of buttons) button.addEventListener("click", () => {
  chosen = button.value;
  for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  filter();
});
search.addEventListener("input", filter);
tag.addEventListener("change", filter);
function jump() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let up = target; up; up = up.parentElement) if (up.tagName === "DETAILS") { up.hidden = false; up.open = true; }
  target.scrollIntoView({ block: "start" });
}
addEventListener("hashchange", jump);
filter();
jump();
