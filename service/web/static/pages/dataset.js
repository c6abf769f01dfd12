// One uploaded data set: what its columns hold, and what can be done with it.

import { call, keepLooking, Problem, read } from "/static/api.js";
import { h, setTitle, show } from "/static/dom.js";
import { bytes, count, number, percent, time } from "/static/format.js";
import { action, failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const MOST_ROWS = 200;
const PREVIEWED_ROWS = 10;
const STATISTICS = [["Least", "minimum"], ["Largest", "maximum"], ["Mean", "mean"], ["Deviation", "standard_deviation"]];

export async function open(main, id) {
  setTitle("Data set");
  show(main, h("p", { class: "soft" }, "Loading…"));
  keepLooking(async () => {
    try {
      // Its values may be away, in an object store, while what is known of it is not.
      const first = read(api.datasetPreview(id, { rows: PREVIEWED_ROWS })).catch(() => null);
      build(main, await read(api.dataset(id)), await first);
    } catch (error) {
      show(main, failure(error));
      if (!(error instanceof Problem && error.status < 500)) throw error;
    }
    return null;
  });
}

function build(main, dataset, preview) {
  setTitle(dataset.name ?? dataset.id);
  const remove = async () => {
    await call(api.dataset(dataset.id), { method: "DELETE" });
    location.assign(page.datasets());
  };
  show(main, h("div", { class: "stack" },
    h("div", { class: "head" }, h("h1", {}, dataset.name ?? dataset.id, " ", h("small", {}, dataset.task)),
      h("div", { class: "toolbar" },
        h("a", { class: "button strong", href: page.newJob({ dataset: dataset.id }) }, "Train on it"),
        action("Delete", remove, { kind: "danger" }))),
    h("div", { class: "two" }, h("div", { class: "stack" }, columnsCard(dataset), previewCard(preview)), h("div", { class: "stack" }, factsCard(dataset), dataset.class_counts && classesCard(dataset)))));
}

function columnsCard({ columns, target }) {
  // The target is the last column, and the one to look at first.
  const shown = [...columns.slice(-1), ...columns.slice(0, -1)].slice(0, MOST_ROWS);
  const line = (column) => h("tr", {},
    h("th", { scope: "row" }, column.name, column.name === target && h("small", {}, " target")),
    STATISTICS.map(([, name]) => h("td", { class: "number" }, number(column[name]))),
    h("td", { class: "number" }, count(column.distinct), column.distinct === 1 && h("small", { title: "A constant tells a network nothing" }, " constant")));
  return h("section", { "aria-label": "Columns" },
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Columns" }, h("table", {},
      h("caption", { class: "unseen" }, "Statistics of the columns"),
      h("thead", {}, h("tr", {}, ["Column", ...STATISTICS.map(([label]) => label), "Distinct"].map((label, at) => h("th", { scope: "col", class: at ? "number" : null }, label)))),
      h("tbody", {}, shown.map(line)))),
    columns.length > shown.length && h("p", { class: "soft" }, `The first ${count(shown.length)} of ${count(columns.length)} columns.`));
}

function previewCard(preview) {
  if (preview === null) return h("p", { class: "soft" }, "The first examples cannot be read at the moment.");
  const cell = (value) => (typeof value === "number" ? h("td", { class: "number" }, number(value)) : h("td", {}, value));
  return h("section", { "aria-label": "Preview" },
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "First examples" }, h("table", {},
      h("caption", { class: "unseen" }, "First examples"),
      h("thead", {}, h("tr", {}, preview.columns.map((name, at) => h("th", { scope: "col", class: typeof preview.rows[0][at] === "number" ? "number" : null }, name)))),
      h("tbody", {}, preview.rows.map((row) => h("tr", {}, row.map(cell)))))),
    preview.hidden_columns > 0 && h("p", { class: "soft" }, `${count(preview.hidden_columns)} more features are not shown.`));
}

function factsCard(dataset) {
  const facts = [
    ["Id", h("code", {}, dataset.id)],
    ["Examples", count(dataset.examples)],
    ["Features", count(dataset.features)],
    ["Target", dataset.target],
    ["Stored", bytes(dataset.stored_bytes)],
    ["Uploaded", time(dataset.created_at)],
  ];
  return h("section", { class: "card", "aria-label": "Facts" }, h("dl", { class: "facts" }, facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])));
}

function classesCard({ class_counts: classes, examples }) {
  const most = Math.max(...classes.map((one) => one.examples));
  return h("section", { class: "card", "aria-label": "Classes" }, h("h2", {}, `${count(classes.length)} classes`),
    h("table", {}, h("caption", { class: "unseen" }, "Examples by class"), h("tbody", {}, classes.slice(0, MOST_ROWS).map((one) => h("tr", {},
      h("th", { scope: "row" }, one.name),
      h("td", {}, h("meter", { min: 0, max: most, value: one.examples, "aria-label": `Share of ${one.name}` })),
      h("td", { class: "number" }, `${count(one.examples)} (${percent(one.examples / examples)})`))))),
    classes.length > MOST_ROWS && h("p", { class: "soft" }, `and ${count(classes.length - MOST_ROWS)} more`));
}
