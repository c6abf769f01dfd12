// A spec as something to paste elsewhere.

import { h, show } from "/static/dom.js";
import { key } from "/static/session.js";
import { api } from "/static/urls.js";

const json = (spec) => JSON.stringify(spec, null, 2);

const python = (value, indent = "") => {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map((one) => python(one)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = Object.entries(value).map(([name, one]) => `${indent}    ${JSON.stringify(name)}: ${python(one, `${indent}    `)},`);
  return `{\n${inner.join("\n")}\n${indent}}`;
};

/** Where keys are needed, the text names the variable that holds one. Never the key itself: what is
 * copied is pasted into notes, chats and repositories. */
const KEY_HINT = "It reads your API key from the environment variable SUBGRAD_API_KEY.";

/** A command that posts the body as JSON. */
export function curl(url, body) {
  const shown = key() ? '-H "Authorization: Bearer $SUBGRAD_API_KEY" ' : "";
  return `curl -s ${location.origin}${url} ${shown}-H 'Content-Type: application/json' -d '${json(body).replaceAll("'", "'\\''")}'`;
}

/** A sentence about the key, where one is needed; else null. */
export const keyHint = () => (key() ? KEY_HINT : null);

/** As a program that posts the body and says the id of what was made. */
function program(url, body) {
  const [imports, shown] = key() ? ["import os\n\n", 'headers = {"Authorization": f"Bearer {os.environ[\'SUBGRAD_API_KEY\']}"}\n'] : ["", ""];
  const asked = `"${location.origin}${url}", json=spec${key() ? ", headers=headers" : ""}`;
  return `${imports}import httpx\n\nspec = ${python(body)}\n${shown}job = httpx.post(${asked}).raise_for_status().json()\nprint(job["id"])`;
}

const FORMS = {
  curl: (spec) => curl(api.jobs(), spec),
  Python: (spec) => program(api.jobs(), spec),
  JSON: json,
};

export class Exports {
  constructor() {
    this.form = "curl";
    this.text = h("pre", { tabindex: 0, "aria-label": "The spec, to copy" });
    this.hint = h("p", { class: "soft" }, keyHint());
    this.said = h("span", { class: "said", role: "status" });
    const copy = h("button", { type: "button", onclick: () => this.#copy() }, "Copy");
    this.tabs = Object.keys(FORMS).map((name) => h("button", { type: "button", "aria-pressed": String(name === this.form), onclick: () => this.#choose(name) }, name));
    this.element = h("section", { class: "card", "aria-label": "Copy as" }, h("div", { class: "head" }, h("h2", {}, "Copy as"), this.tabs, copy, this.said), this.text, this.hint);
  }

  update(spec) {
    this.spec = spec;
    show(this.text, FORMS[this.form](spec));
    this.hint.hidden = !keyHint() || this.form === "JSON";
  }

  #choose(name) {
    this.form = name;
    for (const tab of this.tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
    this.update(this.spec);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.text.textContent);
      this.said.textContent = "Copied.";
    } catch {
      // Browsers allow it on secure origins only.
      getSelection().selectAllChildren(this.text);
      this.said.textContent = "Selected: press Ctrl+C.";
    }
  }
}
