// How the tests look at a page: what a person sees and could point at, by the words on it.
const squeezed = (text) => (text || "").replace(/\s+/g, " ").trim();
const words = (element) => squeezed(element.innerText);
const shown = (element) => element.getClientRects().length > 0 && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
// What lies under an open dialog cannot be pointed at.
const within = () => document.querySelector("dialog[open]") || document.body;
const named = (element) => element.getAttribute("aria-label") || words(element) || element.value || "";

function hits(selector, text) {
  const all = [...within().querySelectorAll(selector)].filter(shown);
  const exactly = all.filter((element) => named(element) === text);
  return exactly.length ? exactly : all.filter((element) => named(element).includes(text));
}

// control is the field that a label with that text names.
function control(text) {
  const labels = [...within().querySelectorAll("label")];
  const label = labels.find((l) => words(l) === text || squeezed(l.textContent) === text) || labels.find((l) => words(l).startsWith(text));
  return label && label.control;
}

// spot is where to point to hit an element, once it is in view.
function spot(element) {
  element.scrollIntoView({ block: "center", inline: "center" });
  const box = element.getClientRects()[0];
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  const top = document.elementFromPoint(x, y);
  const label = top && top.closest("label");
  const clear = top && (element.contains(top) || top.contains(element) && top === element || (label && label.control === element));
  return { x, y, problem: clear ? "" : "it is covered by " + (top ? top.outerHTML.slice(0, 120) : "nothing") };
}

function spotOf(selector, text) {
  const found = hits(selector, text);
  if (found.length !== 1) return { problem: found.length + " things are called so: " + found.map(named).join(" | ").slice(0, 300) };
  if (found[0].disabled) return { problem: "it is disabled" };
  return spot(found[0]);
}

function spotOfField(text) {
  const field = control(text);
  if (!field) return { problem: "there is no such field" };
  if (!shown(field)) return { problem: "the field is hidden" };
  return spot(field);
}

// awaitClick notes whether the next click lands on something that can be clicked; clickCame says so. A page that was left
// for another one took the click.
function awaitClick(selector) {
  window.clickOnIts = false;
  addEventListener("click", (event) => { window.clickOnIts = !!event.target.closest(selector); }, { capture: true, once: true });
}
const clickCame = () => window.clickOnIts !== false;
