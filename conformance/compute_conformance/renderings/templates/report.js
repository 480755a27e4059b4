"use strict";
const all = [...document.querySelectorAll(".requirement")];
const search = document.getElementById("search");
const shown = document.getElementById("shown");
const boxes = [...document.querySelectorAll(".filter input[type=checkbox]")];
const texts = new Map(all.map((one) => [one, one.textContent.toLowerCase()]));
const wanted = (name) => new Set(boxes.filter((box) => box.name === name && box.checked).map((box) => box.value));

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdicts = wanted("verdict");
  const levels = wanted("level");
  let count = 0;
  for (const one of all) {
    const there = verdicts.has(one.dataset.verdict) && levels.has(one.dataset.level) &&
      words.every((word) => texts.get(one).includes(word));
    one.hidden = !there;
    count += there;
  }
  shown.value = `${count} of ${all.length}`;
}

function reveal() {
  const one = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (one && one.classList.contains("requirement")) {
    one.hidden = false;
    one.open = true;
    one.scrollIntoView();
  }
}

search.addEventListener("input", filter);
boxes.forEach((box) => box.addEventListener("change", filter));
document.getElementById("unfold").addEventListener("click", (event) => {
  const unfold = event.target.textContent === "Unfold all";
  all.filter((one) => !one.hidden).forEach((one) => { one.open = unfold; });
  event.target.textContent = unfold ? "Fold all" : "Unfold all";
});
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => all.forEach((one) => { one.open = one.dataset.verdict !== "pass"; }));
filter();
reveal();
