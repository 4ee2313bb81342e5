// Small courtesies on top of pages that work without them. Loaded behind htmx in one file.
(() => {
  "use strict";
  // HX-03: CSP does not stop injected hx-* attributes, so only elements that carry a stamp which the
  // server made for this very response may send. Markup that came in with somebody's data has none.
  const stamps = new Set([document.currentScript.nonce]);
  // What is said aloud is for ears; what went wrong (tone) is for everybody and stands in sight.
  const say = (text, tone) => {
    const place = document.getElementById("spoken");
    place.textContent = text;
    if (tone) place.dataset.tone = tone;
    else delete place.dataset.tone;
  };

  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, verb } = event.detail;
    if (!stamps.has(elt.dataset.stamp) || (verb !== "get" && elt.nodeName !== "FORM")) event.preventDefault();
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const stamp = event.detail.xhr.getResponseHeader("X-Stamp");
    if (stamp) stamps.add(stamp);
  });

  // HX-07: a refusal is shown, not swallowed: the address itself is opened as a page.
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig, pathInfo } = event.detail;
    if (xhr.getResponseHeader("HX-Redirect")) return;
    if (requestConfig.verb === "get" && !("quiet" in requestConfig.elt.dataset)) location.assign(pathInfo.finalRequestPath);
    else say("That did not work. Nothing was changed; reload the page and try again.");
  });
  // A part that asks by itself will ask again; a person who clicked is told.
  for (const [name, text] of [
    ["htmx:sendError", "There is no connection. Nothing was changed; try again in a moment."],
    ["htmx:timeout", "There was no answer in time. Nothing was changed; try again in a moment."],
  ]) {
    document.addEventListener(name, (event) => {
      if (!("quiet" in event.detail.elt.dataset)) say(text, "bad");
    });
  }

  // A part that waits (ui.waiting) asks every few seconds. As long as it says the same nothing is touched,
  // so focus stays where it is; when it says something else the whole page does, its heading included.
  let heldFocus = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    heldFocus = target.contains(document.activeElement);
    if (!("quiet" in target.dataset) || xhr.status !== 200) return;
    const plain = (node) => node.textContent.replace(/\s+/g, " ").trim();
    const fresh = new DOMParser().parseFromString(xhr.responseText, "text/html").body;
    event.detail.shouldSwap = false;
    if (plain(fresh) !== plain(target)) location.reload();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    // The target itself may have been replaced: look again at what stands in its place.
    const place = document.getElementById(event.detail.target.id);
    // A link that was pressed and went with the old part leaves the focus to what came instead.
    if (place && heldFocus && document.activeElement === document.body) {
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
    }
    const told = place && place.querySelector("[data-say]");
    say(told ? told.textContent.trim().replace(/\s+/g, " ") : "");
  });

  // A form is sent once; Back brings the button to life again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    document.body.classList.add("busy");
    const pressed = event.submitter;
    if (pressed) setTimeout(() => pressed.setAttribute("aria-disabled", "true"));
  });
  addEventListener("pageshow", (event) => {
    document.body.classList.remove("busy");
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    }
    if (event.persisted && document.body.dataset.private) location.reload();
  });

  // The error summary takes focus; menus close on Escape and on a click elsewhere.
  const summary = document.querySelector(".error-summary");
  if (summary) summary.focus();
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("header details[open]")) {
      if (menu !== except) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("header details")));
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest("header details[open]");
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();
