// The frame of every page: finds the page's module by the address and shows it.

import { h, show } from "/static/dom.js";
import { keepPages } from "/static/offline.js";
import { askForKey, key } from "/static/session.js";
import { moduleOf, page as pages, route } from "/static/urls.js";

const KEEP_AFTER_MS = 2000;

const main = document.querySelector("#page");
const { name, id } = route(location.pathname);

for (const link of document.querySelectorAll("nav a")) {
  const target = route(new URL(link.href).pathname).name;
  const own = { job: "jobs", compare: "jobs", sweep: "sweeps", dataset: "datasets", study: "studies" }[name] ?? name;
  if (target === own && target !== "missing") link.setAttribute("aria-current", "page");
}

if (key() && name !== "signin") {
  const out = h("button", { type: "button", onclick: () => askForKey("You are signed out.") }, "Sign out");
  document.querySelector("header").append(out);
}

if (name === "missing") {
  show(main, h("h1", {}, "No such page"), h("p", {}, "Go to ", h("a", { href: pages.jobs() }, "the jobs"), "."));
} else {
  const module = await import(moduleOf(name));
  await module.open(main, id);
}
// Late, so that what the browser keeps for later never stands in the way of what is looked at now.
setTimeout(() => keepPages().catch(() => {}), KEEP_AFTER_MS); // failed, nothing is kept: the service went away
