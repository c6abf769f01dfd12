// A file from this machine into a data set: what it is, which column is to be predicted, and what
// the service thought of it.

import { call } from "/static/api.js";
import { fresh, h, show } from "/static/dom.js";
import { bytes } from "/static/format.js";
import { sentence } from "/static/notices.js";
import { api } from "/static/urls.js";

const TYPES = { csv: "text/csv", parquet: "application/vnd.apache.parquet", npz: "application/x-npz" };
const HEADER_BYTES = 65536;

const endingOf = (name) => name.toLowerCase().split(".").at(-1);

/** Names of a CSV file's columns: what its first line says, quotes undone. */
async function columnsOf(file) {
  const [line] = (await file.slice(0, HEADER_BYTES).text()).replace(/^\uFEFF/, "").split(/\r?\n/, 1);
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare).filter(Boolean);
}

export class UploadForm {
  /** `uploaded(dataset)` is called with what the service made of the file. */
  constructor(uploaded) {
    this.uploaded = uploaded;
    const field = (label, control, hint) => {
      control.id = fresh("upload");
      control.setAttribute("aria-describedby", `${control.id}-hint`);
      return h("div", { class: "field" }, h("label", { for: control.id }, label), control, h("span", { class: "hint", id: `${control.id}-hint` }, hint));
    };
    const names = h("datalist", { id: fresh("columns") });
    this.names = names;
    this.file = h("input", { type: "file", accept: Object.keys(TYPES).map((ending) => `.${ending}`).join(), required: true, onchange: () => this.#look() });
    this.target = h("input", { type: "text", list: names.id, autocomplete: "off", spellcheck: "false", required: true });
    this.task = h("select", {}, ["classification", "regression"].map((task) => h("option", { value: task }, task)));
    this.name = h("input", { type: "text", autocomplete: "off", maxlength: 200 });
    this.wrong = h("div", { class: "errors whole", role: "alert", hidden: true });
    this.said = h("span", { class: "said", role: "status" });
    this.submit = h("button", { type: "submit", class: "strong" }, "Upload");
    this.element = h("form", { novalidate: true, onsubmit: (event) => this.#send(event) }, h("fieldset", {}, h("legend", {}, "Upload"),
      h("div", { class: "fields" },
        field("file", this.file, "CSV with a header, Parquet, or NPZ with an array X"),
        field("target", this.target, "the column to predict; in an NPZ the other array"),
        field("task", this.task, "classes, or a number"),
        field("name", this.name, "of your own; may be left out"), names, this.wrong,
        h("div", { class: "toolbar whole" }, this.submit, this.said))));
  }

  /** Offers a CSV's columns; the last one is what most files mean. */
  async #look() {
    const [file] = this.file.files;
    const columns = file && endingOf(file.name) === "csv" ? await columnsOf(file) : [];
    show(this.names, columns.map((name) => h("option", { value: name })));
    if (columns.length && !columns.includes(this.target.value)) this.target.value = columns.at(-1);
    if (file && !this.name.value) this.name.value = file.name.replace(/\.[^.]*$/, "");
    this.said.textContent = file ? bytes(file.size) : "";
    this.#complain([]);
  }

  async #send(event) {
    event.preventDefault();
    const [file] = this.file.files;
    const missing = [!file && "Choose a file.", !this.target.value && "Say which column is to be predicted."].filter(Boolean);
    const type = file && TYPES[endingOf(file.name)];
    if (file && !type) missing.push(`${file.name} ends in none of .csv, .parquet and .npz.`);
    this.#complain(missing);
    if (missing.length) return;
    this.submit.disabled = true;
    this.said.textContent = "Uploading…";
    try {
      const url = api.datasets({ task: this.task.value, target: this.target.value, name: this.name.value });
      this.uploaded(await call(url, { method: "POST", file, type }));
    } catch (error) {
      const reasons = (error.errors ?? []).map(({ pointer, detail }) => (pointer ? `${pointer}: ${detail}` : detail));
      this.#complain(reasons.length ? reasons : [sentence(error.message)]);
    } finally {
      this.submit.disabled = false;
      this.said.textContent = "";
    }
  }

  #complain(reasons) {
    this.wrong.hidden = reasons.length === 0;
    show(this.wrong, "Not uploaded:", h("ul", {}, reasons.map((reason) => h("li", {}, reason))));
  }
}
