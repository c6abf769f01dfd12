// The data sets that were uploaded, newest first, and the form that uploads one.

import { keepLooking, read } from "/static/api.js";
import { h, setTitle, show } from "/static/dom.js";
import { UploadForm } from "/static/form/upload-form.js";
import { ago, bytes, count, time } from "/static/format.js";
import { empty, failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const LIMIT = 25;
const LOOK_MS = 4000;
const COLUMNS = ["Data set", "Task", "Target", "Examples", "Features", "Classes", "Size"];

function row(dataset) {
  const number = (label, text) => h("td", { class: "number", "data-label": label }, text);
  return h("tr", {},
    h("th", { scope: "row", "data-label": "Data set" }, h("a", { href: page.dataset(dataset.id) }, dataset.name ?? dataset.id), " ", h("small", { title: time(dataset.created_at) }, ago(dataset.created_at))),
    h("td", { "data-label": "Task" }, dataset.task),
    h("td", { "data-label": "Target" }, dataset.target),
    number("Examples", count(dataset.examples)),
    number("Features", count(dataset.features)),
    number("Classes", count(dataset.classes)),
    number("Size", bytes(dataset.stored_bytes)));
}

const table = (datasets) =>
  h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Data sets" }, h("table", { class: "stacking" },
    h("caption", { class: "unseen" }, "Uploaded data sets, newest first"),
    h("thead", {}, h("tr", {}, COLUMNS.map((label) => h("th", { scope: "col" }, label)))),
    h("tbody", {}, datasets.map(row))));

const nothing = () =>
  empty("No data sets yet", "Upload a CSV, Parquet or NPZ file above. Digits, iris, openml.org's and the other built-in sets are always there: choose one in ", h("a", { href: page.newJob() }, "a new job"), ".");

export async function open(main) {
  setTitle("Data sets");
  const cursor = new URLSearchParams(location.search).get("cursor");
  const place = h("div", {}, h("p", { class: "soft" }, "Loading…"));
  const pager = h("nav", { class: "pager", "aria-label": "Pages of data sets" });
  const form = new UploadForm((dataset) => location.assign(page.dataset(dataset.id)));
  show(main, h("div", { class: "stack" }, h("h1", {}, "Data sets"), form.element, h("div", {}, place, pager)));
  let before = null;
  keepLooking(async () => {
    const { data, next_cursor: next } = await read(api.datasets({ limit: LIMIT, cursor }));
    const text = JSON.stringify(data);
    if (text !== before) show(place, data.length ? table(data) : nothing());
    before = text;
    show(pager, cursor && h("a", { href: page.datasets() }, "« Newest"), next && h("a", { href: page.datasets({ cursor: next }), rel: "next" }, "Older »"));
    return LOOK_MS;
  }, (error) => show(place, failure(error)));
}
