// The form of a job spec, built from the catalogue. The spec is what the fields say; blank ones are
// left out of it.

import { fresh, h, show } from "/static/dom.js";
import { choiceField, fieldsOf } from "/static/form/fields.js";
import { words } from "/static/format.js";

const PARTS = [
  { part: "dataset", list: "datasets", key: "name", title: "Data set" },
  { part: "network", list: "networks", key: "kind", title: "Network" },
  { part: "activation", list: "activations", key: "name", title: "Activation" },
  { part: "loss", list: "losses", key: "name", title: "Loss" },
  { part: "optimizer", list: "optimizers", key: "name", title: "Optimizer" },
];

/** Sets a value at a pointer, making objects on the way. */
function put(document_, pointer, value) {
  const names = pointer.slice(1).split("/");
  const last = names.pop();
  const inner = names.reduce((object, name) => (object[name] ??= {}), document_);
  inner[last] = value;
}

function resolve(schema, definitions) {
  if (Array.isArray(schema)) return schema.map((one) => resolve(one, definitions));
  if (schema === null || typeof schema !== "object") return schema;
  if (schema.$ref) {
    const { $ref, ...rest } = schema;
    return resolve({ ...definitions[$ref.split("/").at(-1)], ...rest }, definitions);
  }
  return Object.fromEntries(Object.entries(schema).map(([name, one]) => [name, resolve(one, definitions)]));
}

export class SpecForm {
  /** `changed(spec)` is called after every change of the spec; `uploads` are the uploaded data sets
   * that can be chosen by their id. */
  constructor(catalog, spec, changed, uploads = []) {
    Object.assign(this, { catalog, changed, uploads });
    this.choices = h("datalist", { id: fresh("uploads") }, uploads.map((one) => h("option", { value: one.id }, one.name ?? one.task)));
    this.fields = new Map();
    this.problems = h("div", { class: "errors", role: "alert", hidden: true });
    this.sections = new Map();
    this.element = h("div", { class: "stack" }, this.problems, this.choices);
    const rest = catalog.spec_schema.properties;
    const parts = PARTS.map(({ part }) => part);
    this.plain = resolve(Object.fromEntries(Object.entries(rest).filter(([name]) => !parts.includes(name))), catalog.spec_schema.$defs);
    for (const { part, title } of [...PARTS, { part: "", title: "Training" }]) {
      const body = h("div", { class: "fields" });
      this.sections.set(part, body);
      this.element.append(h("fieldset", {}, h("legend", {}, title), body));
    }
    for (const { part } of PARTS) this.#fill(part, spec[part]);
    this.#fillPlain(spec);
    this.element.addEventListener("input", () => this.#tell());
    this.#tell();
  }

  /** Shows a part anew: its choice and the fields of what was chosen. */
  #fill(part, value) {
    const { list, key } = PARTS.find((one) => one.part === part);
    const options = this.catalog[list];
    const chosen = options.find((one) => one.name === value?.[key]) ?? options[0];
    const again = () => this.#refill(part);
    const task = this.task;
    const names = options.map((one) => ({ name: one.name, text: words(one.name), disabled: Boolean(one.tasks && task && !one.tasks.includes(task)) }));
    const choice = choiceField(`/${part}/${key}`, key, names, chosen.name);
    choice.control.addEventListener("change", again);
    const open = Object.fromEntries(Object.entries(chosen.parameters).filter(([, schema]) => !schema.only_in_studies));
    const { fields, elements } = fieldsOf(`/${part}`, open, value, again);
    for (const pointer of this.fields.keys()) if (pointer.startsWith(`/${part}/`)) this.fields.delete(pointer);
    for (const field of [choice, ...fields]) this.fields.set(field.pointer, field);
    if (part === "dataset") this.#offerUploads();
    const size = chosen.examples ? ` ${chosen.examples.toLocaleString("en")} examples, ${chosen.features} features, ${chosen.task}.` : "";
    const formula = chosen.formula && part === "loss" ? ` ${chosen.formula}.` : "";
    show(this.sections.get(part), choice.element, elements, h("p", { class: "about" }, `${chosen.description}${size}${formula}`));
  }

  #fillPlain(spec) {
    const { probes, ...others } = this.plain;
    const { fields, elements } = fieldsOf("", { ...others, probes }, spec, () => {});
    for (const field of fields) this.fields.set(field.pointer, field);
    show(this.sections.get(""), elements);
  }

  #refill(part) {
    const focused = document.activeElement?.name;
    this.#fill(part, this.spec[part]);
    if (part === "dataset") this.#fitLoss();
    this.fields.get(focused)?.control.focus();
    this.#tell();
  }

  #offerUploads() {
    const field = this.fields.get("/dataset/dataset_id");
    if (!field) return;
    field.control.setAttribute("list", this.choices.id);
    field.control.addEventListener("change", () => {
      this.#fitLoss();
      this.#tell();
    });
  }

  /** What the chosen data are for; null where only the service knows, of data from elsewhere. */
  get task() {
    const read = (pointer) => this.fields.get(pointer)?.read();
    const choice = this.catalog.datasets.find((one) => one.name === read("/dataset/name"));
    return choice?.task ?? this.uploads.find(({ id }) => id === read("/dataset/dataset_id"))?.task ?? null;
  }

  /** A loss that cannot be used with the data's task gives way to the first that can. */
  #fitLoss() {
    if (this.task === null) return;
    const { loss } = this.spec;
    const now = this.catalog.losses.find((one) => one.name === loss.name);
    const fits = now.tasks.includes(this.task);
    const fitting = this.task === "classification" ? "cross_entropy" : this.catalog.losses.find((one) => one.tasks.includes(this.task)).name;
    this.#fill("loss", fits ? loss : { name: fitting });
  }

  get spec() {
    const made = {};
    for (const field of this.fields.values()) {
      const value = field.read();
      if (value !== undefined) put(made, field.pointer, value);
    }
    return made;
  }

  #tell() {
    this.changed(this.spec);
  }

  /** What the service said about fields, at the fields; what has none, above. */
  explain(errors) {
    const left = [];
    const texts = new Map();
    for (const { pointer, detail } of errors) {
      let at = pointer;
      while (at && !this.fields.has(at)) at = at.slice(0, at.lastIndexOf("/"));
      if (at) texts.set(at, [texts.get(at), at === pointer ? detail : `${pointer.slice(at.length)}: ${detail}`].filter(Boolean).join("; "));
      else left.push({ pointer, detail });
    }
    for (const field of this.fields.values()) field.complain(texts.get(field.pointer));
    this.problems.hidden = left.length === 0;
    show(this.problems, "This cannot run:", h("ul", {}, left.map(({ pointer, detail }) => h("li", {}, h("code", {}, pointer), ` ${detail}`))));
  }

  focusFirstWrong() {
    [...this.fields.values()].find(({ control }) => control.getAttribute("aria-invalid"))?.control.focus();
  }

  /** The chosen activation: its entry, its numbers with defaults filled in, the chosen convention. */
  get activation() {
    const { activation } = this.spec;
    const choice = this.catalog.activations.find((one) => one.name === activation.name);
    const defaults = Object.fromEntries(Object.entries(choice.parameters).map(([name, { default: standard }]) => [name, standard]));
    const numbers = Object.fromEntries(Object.entries({ ...defaults, ...activation }).filter(([, value]) => typeof value === "number"));
    const chosen = numbers.derivative_at_zero ?? null;
    return { choice, parameters: numbers, chosen };
  }
}
