// What a page says where there is nothing to show, or where something went wrong.

import { isPassing, Problem, Unreachable } from "/static/api.js";
import { h } from "/static/dom.js";
import { page } from "/static/urls.js";

export function empty(title, ...advice) {
  return h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, ...advice));
}

/** An error with what to do next. */
export function failure(error) {
  const advice =
    error instanceof Unreachable
      ? "Is it running? Start it with “make serve”; this page comes back by itself."
      : error instanceof Problem && error.status === 404
        ? ["It may have been deleted. Go to ", h("a", { href: page.jobs() }, "the jobs"), " or ", h("a", { href: page.sweeps() }, "the sweeps"), "."]
        : isPassing(error)
          ? "The service runs, but what it needs does not: /readyz tells what. This page tries again by itself."
          : "Change the request, or load the page again.";
  return h("div", { class: "empty bad", role: "alert" }, h("h2", {}, sentence(error.message)), h("p", {}, advice));
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A button that does something over HTTP once at a time and says what became of it. */
export function action(text, act, { kind = "" } = {}) {
  const said = h("span", { class: "said", role: "status" });
  const button = h("button", { type: "button", class: kind, onclick: async () => {
    button.disabled = true;
    said.textContent = "";
    try {
      said.textContent = (await act()) ?? "";
    } catch (error) {
      said.textContent = sentence(error.message);
    } finally {
      button.disabled = false;
    }
  } }, text);
  return h("span", { class: "action" }, button, said);
}
