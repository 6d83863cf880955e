// The search of the reference: shows the entries that have every word that is written, and hides headings with none below.
//
// `/` goes to the field, Enter to the entry that is called so or else to the first one, Escape shows everything again.

const field = document.getElementById("search");
const found = document.getElementById("found");
const nothing = document.getElementById("nothing");
const entries = Array.from(document.querySelectorAll(".entry"), (element) => ({ element, text: element.textContent.toLowerCase() }));
const parts = Array.from(document.querySelectorAll("main section, main .group, main section > dl"));
const headings = Array.from(document.querySelectorAll("main section > h3"));
const lines = Array.from(document.querySelectorAll(".contents a"), (link) => ({
  line: link.parentElement,
  of: document.getElementById(link.hash.slice(1)),
}));

function search() {
  const text = field.value.trim().toLowerCase();
  const words = text.split(/\s+/).filter(Boolean);
  let count = 0;
  for (const entry of entries) {
    const fits = words.every((word) => entry.text.includes(word));
    entry.element.hidden = !fits;
    entry.element.classList.toggle("named", text !== "" && entry.element.dataset.name?.toLowerCase() === text);
    count += fits;
  }
  for (const part of parts) part.hidden = !part.querySelector(".entry:not([hidden])");
  for (const heading of headings) heading.hidden = heading.nextElementSibling?.hidden ?? false;
  for (const { line, of } of lines) line.hidden = Boolean(of?.closest("[hidden]"));
  nothing.hidden = count > 0;
  document.body.classList.toggle("searching", words.length > 0);
  found.textContent = words.length === 0 ? "" : count === 1 ? "1 entry" : `${count} entries`;
}

function goToFirst() {
  const fitting = entries.filter((entry) => !entry.element.hidden);
  const first = (fitting.find((entry) => entry.element.classList.contains("named")) ?? fitting[0])?.element;
  if (!first) return;
  first.tabIndex = -1;
  first.focus({ preventScroll: true });
  first.scrollIntoView({ block: "center" });
}

field.addEventListener("input", () => {
  search();
  window.scrollTo(0, 0);
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter") goToFirst();
  if (event.key === "Escape") {
    field.value = "";
    search();
  }
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// An address with `#…` goes to what may be hidden.
window.addEventListener("hashchange", () => {
  const aim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!aim?.closest("[hidden]")) return;
  field.value = "";
  search();
  aim.scrollIntoView();
});

document.querySelector(".search").hidden = false;
// A browser that comes back to the page has kept what was written.
search();
