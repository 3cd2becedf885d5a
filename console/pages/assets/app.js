// What HTML alone cannot do: keys, dialogs over the page, and telling when the line to the server is broken.
"use strict";

const dialog = () => document.getElementById("dialog");
const quiet = () => document.getElementById("quiet");

function say(text) {
  quiet().textContent = text;
  quiet().hidden = text === "";
}

// A link with data-dialog opens its page in the dialog; without JavaScript it is a page of its own.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openDialog(link.href);
    return;
  }
  if (event.target.closest("[data-close]")) {
    event.preventDefault();
    dialog().close();
    return;
  }
  const dismissed = event.target.closest("[data-dismiss]");
  if (dismissed) {
    remember(dismissed.dataset.dismiss);
    hideRead();
    return;
  }
  const shown = event.target.closest("[data-days]");
  if (shown) {
    const field = document.getElementById("f-days");
    field.value = shown.dataset.days;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
    return;
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button, input, label")) location.href = row.dataset.href;
});

function openDialog(address) {
  htmx.ajax("GET", address, { target: "#dialog-body", swap: "innerHTML" });
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "dialog-body" && event.detail.target.innerHTML.trim() !== "" && !dialog().open) dialog().showModal();
  hideRead();
});
document.addEventListener("htmx:sseMessage", (event) => {
  hideRead();
  if (event.detail.type === "end") say(event.detail.data);
});

// A live piece does not close a menu that is open.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.matches("details"));

// The server says with HX-Trigger that the dialog has done its work.
document.addEventListener("close-dialog", () => dialog().close());

document.addEventListener("keydown", (event) => {
  const found = event.target.closest(".find");
  if (found && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    const stops = [document.getElementById("q"), ...found.querySelectorAll("#found a")];
    const to = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (stops[to]) stops[to].focus();
    event.preventDefault();
    return;
  }
  if (event.key === "Escape" && found) {
    document.getElementById("found").replaceChildren();
    document.getElementById("q").focus();
    return;
  }
  const field = event.target.closest("input, textarea, select, [contenteditable]");
  // A dialog that has just closed leaves the focus in its field until the page is drawn again.
  const typing = field && field.checkVisibility();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || (dialog() && dialog().open)) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("input")) wanted.select();
  else wanted.click();
});

document.addEventListener("focusout", (event) => {
  const find = event.target.closest(".find");
  if (find && event.relatedTarget && !find.contains(event.relatedTarget)) document.getElementById("found").replaceChildren();
});

// Cards that were read stay away, in this tab.
function read() {
  return JSON.parse(sessionStorage.getItem("read") || "[]");
}
function remember(id) {
  sessionStorage.setItem("read", JSON.stringify([...read(), id].slice(-200)));
}
function hideRead() {
  for (const id of read()) {
    const card = document.getElementById("action-" + id);
    if (card) card.hidden = true;
  }
}
hideRead();

// A form that is under way is not sent again; its own key makes a second sending harmless all the same.
document.addEventListener("htmx:beforeRequest", (event) => {
  for (const button of event.detail.elt.querySelectorAll?.("button:not([type=button])") ?? []) button.disabled = true;
});
document.addEventListener("htmx:afterRequest", (event) => {
  for (const button of event.detail.elt.querySelectorAll?.("button:not([type=button])") ?? []) button.disabled = false;
  if (event.detail.successful) say("");
});

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("Qserve-Signed-Out")) {
    const text = "Your session has ended. Sign in again in another tab, then press the button once more; what you typed stays here.";
    const body = document.getElementById("dialog-body");
    if (!dialog().open) {
      say("Your session has ended. Reload the page to sign in.");
      return;
    }
    let told = body.querySelector(".signed-out");
    if (!told) {
      told = document.createElement("p");
      told.className = "note signed-out";
      told.setAttribute("role", "alert");
      const link = document.createElement("a");
      link.href = "/sign-in";
      link.target = "_blank";
      link.textContent = "Sign in";
      told.append(text + " ", link);
      body.prepend(told);
    }
    return;
  }
  say("That did not work: the server answered " + event.detail.xhr.status + ". Nothing was changed. Try again.");
});
document.addEventListener("htmx:sendError", () => say("The server cannot be reached. What you see may be old; it goes on by itself."));
document.addEventListener("htmx:sseError", () => say("The connection is broken. What you see may be old; it goes on by itself."));
document.addEventListener("htmx:sseOpen", () => say(""));
