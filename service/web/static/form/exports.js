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

const FORMS = {
  curl: (spec) => `curl -s ${location.origin}${api.jobs()} ${key() ? '-H "Authorization: Bearer $SUBGRAD_API_KEY" ' : ""}-H 'Content-Type: application/json' -d '${json(spec).replaceAll("'", "'\\''")}'`,
  Python: (spec) => `import httpx\n\nspec = ${python(spec)}\njob = httpx.post("${location.origin}${api.jobs()}", json=spec).raise_for_status().json()\nprint(job["id"])`,
  JSON: json,
};

export class Exports {
  constructor() {
    this.form = "curl";
    this.text = h("pre", { tabindex: 0, "aria-label": "The spec, to copy" });
    this.said = h("span", { class: "said", role: "status" });
    const copy = h("button", { type: "button", onclick: () => this.#copy() }, "Copy");
    this.tabs = Object.keys(FORMS).map((name) => h("button", { type: "button", "aria-pressed": String(name === this.form), onclick: () => this.#choose(name) }, name));
    this.element = h("section", { class: "card", "aria-label": "Copy as" }, h("div", { class: "head" }, h("h2", {}, "Copy as"), this.tabs, copy, this.said), this.text);
  }

  update(spec) {
    this.spec = spec;
    show(this.text, FORMS[this.form](spec));
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
