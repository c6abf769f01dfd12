// The sweeps, newest first.

import { keepLooking, read } from "/static/api.js";
import { h, setTitle, show } from "/static/dom.js";
import { curl, keyHint } from "/static/form/exports.js";
import { ago, count, percent, time, value } from "/static/format.js";
import { empty, failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const LIMIT = 25;

const EXAMPLE = {
  name: "rates and conventions",
  base: { dataset: { name: "digits" }, activation: { name: "relu" }, loss: { name: "cross_entropy" }, optimizer: { name: "sgd" } },
  axes: { "optimizer.learning_rate": { logspace: [0.01, 1, 3] }, "activation.derivative_at_zero": [0, 0.5, 1], seed: { range: 3 } },
};

/** An axis in a few words: a list, or what makes it. */
export function describeAxis(axis) {
  if (Array.isArray(axis)) {
    const mark = axis.some(Array.isArray) ? "; " : ", ";
    return axis.length > 5 ? `${axis.slice(0, 4).map(value).join(mark)}${mark}… (${axis.length})` : axis.map(value).join(mark);
  }
  if (axis.range !== undefined) return `0 … ${axis.range - 1}`;
  const [first, last, many] = axis.logspace ?? axis.linspace;
  return `${value(first)} … ${value(last)} in ${many}${axis.logspace ? ", equal ratios" : ""}`;
}

const countsOf = ({ counts, diverged }) =>
  [...Object.entries(counts).filter(([, many]) => many > 0).map(([name, many]) => `${count(many)} ${name}`), diverged > 0 && `${count(diverged)} diverged`].filter(Boolean).join(", ");

function row(sweep) {
  const title = sweep.name ?? sweep.id;
  return h("tr", {},
    h("td", { "data-label": "" }),
    h("td", { "data-label": "Sweep" }, h("a", { href: page.sweep(sweep.id) }, title), h("small", { title: time(sweep.created_at) }, ago(sweep.created_at))),
    h("td", { "data-label": "Axes" }, Object.entries(sweep.axes).map(([path, axis]) => h("div", {}, h("code", {}, path), " ", h("small", {}, describeAxis(axis))))),
    h("td", { "data-label": "Status" }, h("span", { class: `status ${sweep.status}` }, sweep.status)),
    h("td", { "data-label": "Progress" }, h("progress", { max: 1, value: sweep.progress, "aria-label": `Progress of ${title}`, title: percent(sweep.progress) })),
    h("td", { "data-label": "Jobs" }, `${count(sweep.members)}: ${countsOf(sweep)}`));
}

export async function open(main) {
  setTitle("Sweeps");
  const cursor = new URLSearchParams(location.search).get("cursor");
  const place = h("div", {}, h("p", { class: "soft" }, "Loading…"));
  const pager = h("nav", { class: "pager", "aria-label": "Pages of sweeps" });
  show(main, h("div", { class: "head" }, h("h1", {}, "Sweeps")), place, pager);
  let before = null;
  keepLooking(async () => {
    const { data, next_cursor: next } = await read(api.sweeps({ limit: LIMIT, cursor }));
    const text = JSON.stringify(data);
    if (text !== before) show(place, data.length ? table(data) : nothing());
    before = text;
    show(pager, cursor && h("a", { href: page.sweeps() }, "« Newest"), next && h("a", { href: page.sweeps({ cursor: next }), rel: "next" }, "Older »"));
    return data.some((sweep) => !sweep.finished_at) ? 1000 : 4000;
  }, (error) => show(place, failure(error)));
}

const table = (sweeps) =>
  h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Sweeps" }, h("table", { class: "jobs sweeps" },
    h("caption", { class: "unseen" }, "Sweeps, newest first"),
    h("thead", {}, h("tr", {}, ["", "Sweep", "Axes", "Status", "Progress", "Jobs"].map((label) => (label ? h("th", { scope: "col" }, label) : h("td", {}))))),
    h("tbody", {}, sweeps.map(row))));

function nothing() {
  return empty("No sweeps yet", "A sweep trains a job for each combination of values. Paste this into a terminal. ", keyHint(),
    h("pre", { tabindex: 0 }, curl(api.sweeps(), EXAMPLE)));
}
