// Fields from a JSON schema. A field knows its JSON pointer; blank means "left out", so that the
// service's default holds, which the field shows in grey.

import { fresh, h } from "/static/dom.js";
import { words } from "/static/format.js";

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** What a person typed: a number if it is one; else text, which the service then explains. */
const typed = (text) => (NUMBER.test(text.trim()) ? Number(text) : text.trim());

/** Without the "or null" that only says that a field may be left out. */
function core(schema) {
  if (!schema.anyOf) return schema;
  const some = schema.anyOf.filter((one) => one.type !== "null");
  return some.length === 1 ? { ...schema, ...some[0] } : schema;
}

const shown = (value) => (value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : String(value));

const READERS = {
  number: typed,
  integer: typed,
  string: (text) => text,
  array: (text) => text.split(/[,×x\s]+/).filter(Boolean).map(typed),
};

/** A labelled control: `read()` is undefined where it was left blank, `complain(text)` explains. */
class Field {
  constructor(pointer, label, control, { hint = "", read }) {
    Object.assign(this, { pointer, control, read });
    control.id = fresh("field");
    this.wrong = h("p", { class: "wrong", id: `${control.id}-wrong` });
    const about = hint && h("span", { class: "hint", id: `${control.id}-hint` }, hint);
    control.setAttribute("aria-describedby", `${control.id}-wrong${about ? ` ${control.id}-hint` : ""}`);
    control.name = pointer;
    this.element = h("div", { class: "field" }, h("label", { for: control.id }, label), control, this.wrong, about);
  }

  complain(text) {
    this.wrong.textContent = text ?? "";
    if (text) this.control.setAttribute("aria-invalid", "true");
    else this.control.removeAttribute("aria-invalid");
  }
}

function picker(pointer, label, options, value, settings) {
  const control = h("select", {}, options.map(({ name, text, disabled }) => h("option", { value: name, selected: name === value, disabled }, text ?? name)));
  return new Field(pointer, label, control, { read: () => control.value, ...settings });
}

/** A choice between named things, whose own fields follow it. */
export function choiceField(pointer, label, options, value, hint) {
  const made = picker(pointer, label, options, value, { hint });
  made.element.classList.add("choice");
  return made;
}

function simple(pointer, label, schema, value) {
  const { default: standard, description: hint = "" } = schema;
  if (schema.enum) {
    const options = schema.enum.map((one) => ({ name: String(one), text: words(one) }));
    const start = String(value ?? standard ?? schema.enum[0]);
    const of = (text) => schema.enum.find((one) => String(one) === text);
    const made = picker(pointer, label, options, start, { hint });
    made.read = () => (of(made.control.value) === standard ? undefined : of(made.control.value));
    return made;
  }
  if (schema.type === "boolean") {
    const control = h("input", { type: "checkbox", checked: value ?? standard ?? false });
    return new Field(pointer, label, control, { hint, read: () => (control.checked === (standard ?? false) ? undefined : control.checked) });
  }
  const isNumber = ["number", "integer", "array"].includes(schema.type);
  const control = h("input", { type: "text", value: shown(value), placeholder: shown(standard), autocomplete: "off", spellcheck: "false", inputmode: isNumber && schema.type !== "array" ? "decimal" : null });
  const parse = READERS[schema.type] ?? ((text) => JSON.parse(text));
  return new Field(pointer, label, control, { hint, read: () => (control.value.trim() === "" ? undefined : parse(control.value)) });
}

const isDefault = (value, schema) => JSON.stringify(value) === JSON.stringify(schema.default);

/** Fields of an object's properties. `given`: values to start from, by name. Returns the fields and
 * the elements to show, nested where the schema is. `again` is called where a choice changes. */
export function fieldsOf(pointer, properties, given, again) {
  const fields = [];
  const elements = [];
  for (const [name, rough] of Object.entries(properties)) {
    const schema = core(rough);
    if (schema.const !== undefined) continue;
    const own = `${pointer}/${name}`;
    const value = given?.[name];
    const label = words(name);
    if (schema.oneOf || schema.properties) {
      const inner = nested(own, schema, value, again);
      fields.push(...inner.fields);
      elements.push(h("fieldset", {}, h("legend", {}, label), h("div", { class: "fields" }, inner.elements)));
    } else {
      const made = simple(own, label, schema, value === undefined || isDefault(value, schema) ? undefined : value);
      fields.push(made);
      elements.push(made.element);
    }
  }
  return { fields, elements };
}

function nested(pointer, schema, value, again) {
  if (schema.properties) return fieldsOf(pointer, schema.properties, value, again);
  const key = schema.discriminator.propertyName;
  const tagOf = (option) => option.properties[key].const;
  const chosen = value?.[key] ?? schema.default?.[key] ?? tagOf(schema.oneOf[0]);
  const option = schema.oneOf.find((one) => tagOf(one) === chosen);
  const choice = choiceField(`${pointer}/${key}`, key, schema.oneOf.map((one) => ({ name: tagOf(one) })), chosen, option.description);
  choice.control.addEventListener("change", again);
  const rest = fieldsOf(pointer, Object.fromEntries(Object.entries(option.properties).filter(([name]) => name !== key)), value, again);
  return { fields: [choice, ...rest.fields], elements: [choice.element, ...rest.elements] };
}
