// Signing in by API key, and back to where one came from.

import { h, setTitle, show } from "/static/dom.js";
import { askForKey, headers, keep, reason } from "/static/session.js";
import { api, page } from "/static/urls.js";

/** Only a path of this service: what an address says is not to be trusted. */
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin && url.pathname !== page.signIn() ? url.pathname + url.search : "/";
}

/** What is wrong with the key; null where it opens the service. */
async function tryKey(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) return "A key has no blanks and begins with sgk_.";
  keep(token);
  let response;
  try {
    response = await fetch(api.whoami, { headers: headers() });
  } catch {
    return "The service does not answer. Try again in a moment.";
  }
  if (response.ok || response.status === 403) return null;
  askForKey(reason() ?? "");
  return (await response.json()).detail;
}

export async function open(host) {
  setTitle("Sign in");
  const wrong = h("p", { class: "wrong", id: "key-wrong", role: "alert" });
  const input = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "key-hint key-wrong" });
  const button = h("button", { type: "submit", class: "strong" }, "Sign in");
  const form = h("form", { class: "card signin", onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = (await tryKey(input.value.trim())) ?? "";
    button.disabled = false;
    if (!wrong.textContent) return location.replace(next());
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } },
    h("div", { class: "field" },
      h("label", { for: "key" }, "API key"), input,
      h("p", { class: "hint", id: "key-hint" }, "Whoever runs the service makes one with “subgrad keys create NAME”. It stays in this tab and goes with it."),
      wrong),
    button);
  show(host, h("h1", {}, "Sign in"), reason() && h("p", {}, reason()), form);
  input.focus();
}
