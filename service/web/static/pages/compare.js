// Jobs overlaid: where their specs differ, their curves, the first epoch that tells them apart.

import { keepLooking, read } from "/static/api.js";
import { LineChart } from "/static/charts.js";
import { h, setTitle, show } from "/static/dom.js";
import { count, jobTitle, number, percent, standing, value, words } from "/static/format.js";
import { empty, failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const MOST_POINTS = 400;

const share = { include: [0, 1], format: percent };
const CURVES = {
  train_loss: {},
  validation_loss: {},
  train_metric: {},
  validation_metric: {},
  dead_fraction: share,
  dormant_fraction: share,
  grad_norm_mean: { kind: "log", note: "log axis" },
  kink_hits: { format: count, include: [0, 1] },
  optimality_gap: { kind: "log", note: "log axis" },
};

export async function open(main) {
  setTitle("Compare");
  const ids = (new URLSearchParams(location.search).get("jobs") ?? "").split(",").filter(Boolean);
  if (ids.length < 2) {
    show(main, h("div", { class: "head" }, h("h1", {}, "Compare")), empty("Choose two jobs or more", "Tick them in ", h("a", { href: page.jobs() }, "the list of jobs"), ", then press “Compare”."));
    return;
  }
  show(main, h("p", { class: "soft" }, "Loading…"));
  let view = null;
  keepLooking(async () => {
    const found = await read(api.compare(ids, { columns: Object.keys(CURVES), max_points: MOST_POINTS }));
    if (!view) {
      view = new Comparison(found);
      show(main, view.element);
    }
    view.update(found);
    return found.jobs.every((job) => job.finished_at) ? null : 1500;
  }, (error) => show(main, failure(error)));
}

/** Names that tell the jobs apart: their own, or else what differs in their specs. */
function namesOf({ jobs, differences }) {
  const own = jobs.map((job) => job.name);
  if (own.every(Boolean) && new Set(own).size === own.length) return own;
  const apart = differences.filter(({ pointer }) => pointer !== "/name").slice(0, 3);
  const names = jobs.map((job, i) => apart.map(({ pointer, values }) => `${words(pointer.split("/").at(-1))} ${value(values[i])}`).join(", ") || jobTitle(job));
  return names.map((name, i) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${i + 1})`));
}

class Comparison {
  constructor(found) {
    this.charts = new Map(found.curves.map(({ quantity }) => [quantity, new LineChart({ title: words(quantity), ...CURVES[quantity] })]));
    this.first = h("p", { class: "card" });
    this.table = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Where the specs differ" });
    this.element = h("div", { class: "stack" }, h("h1", {}, `Compare ${found.jobs.length} jobs`), this.first, this.table, h("div", { class: "charts" }, [...this.charts.values()].map((chart) => chart.element)));
  }

  update(found) {
    const names = namesOf(found);
    show(this.first, this.#verdict(found));
    const text = JSON.stringify([found.differences, found.jobs.map((job) => [job.status, job.summary])]);
    if (text !== this.text) show(this.table, this.#facts(found, names));
    this.text = text;
    for (const { quantity, values, minimum, maximum } of found.curves) {
      const chart = this.charts.get(quantity);
      const series = values.map((y, i) => ({ name: names[i], x: found.epochs, y, low: minimum?.[i], high: maximum?.[i] }));
      chart.element.hidden = series.every(({ y }) => y.every((one) => one === null));
      const first = found.first_differing_epoch;
      chart.update(series, { marks: first ? [{ x: first, text: "differ from here" }] : [] });
    }
  }

  #verdict({ first_differing_epoch: first, first_differing_step: step, first_differing_layers: layers, differences, epochs }) {
    if (first === null) return epochs.length ? ["What was measured is ", h("b", {}, "the same to the bit"), " at every epoch that all of them have."] : "Nothing measured yet.";
    const met = layers.length ? ` in layer ${layers.join(" and ")}` : " of the loss";
    const parting = step === null ? "" : ` Their weights part at step ${count(step)}, where the convention at a kink${met} first changed a gradient.`;
    const why = differences.length ? parting : " Their specs are equal, so look at their environments.";
    return ["What was measured differs from ", h("b", {}, `epoch ${first}`), first === 0 ? " on, that is, already at initialisation." : " on.", why];
  }

  #facts({ jobs, differences }, names) {
    const heads = jobs.map((job, i) => h("th", { scope: "col", class: `series s${i % 10}` }, h("a", { href: page.job(job.id) }, names[i])));
    const row = (name, cells, isCode) => h("tr", {}, h("th", { scope: "row" }, isCode ? h("code", {}, name) : name), cells.map((cell) => h("td", {}, cell)));
    const status = jobs.map((job) => {
      const { state, text } = standing(job);
      return h("span", { class: `status ${state}` }, text);
    });
    const last = (name, format) => row(words(name), jobs.map((job) => format(job.summary?.[name])));
    return h("table", { class: "facts" },
      h("caption", { class: "unseen" }, "Where the specs differ, and the last values"),
      h("thead", {}, h("tr", {}, h("td", {}), heads)),
      h("tbody", {},
        differences.map(({ pointer, values, present }) => row(pointer, values.map((one, i) => (present[i] ? value(one) : "–")), true)),
        row("status", status), last("train_loss", number), last("validation_metric", number), last("dead_fraction", percent), last("kink_hits", count)));
  }
}
