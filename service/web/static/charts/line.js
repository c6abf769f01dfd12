// Line charts: series with optional bands, linear or logarithmic, marks, a reading by mouse and by arrow
// keys. Values that are not finite break the line and are flagged at the upper edge.

import { announce, fresh, h, show } from "/static/dom.js";
import { isNumber, number } from "/static/format.js";
import { axis } from "/static/charts/axes.js";
import { ink, inkOf } from "/static/charts/chartjs.js";
import { Plot } from "/static/charts/plot.js";

const HEIGHT = 210;
const LEFT = 58; // of every chart, so that those of a column can be compared
const TICK_EVERY = 80;

/** @typedef {{name: string, x: number[], y: any[], low?: any[], high?: any[]}} Series */

export class LineChart {
  /** `include`: values that the y axis always shows. `format`: of y values. */
  constructor({ title, note = "", x = "epoch", kind = "linear", include = [], format = number, tight = false, xKind = "linear" }) {
    Object.assign(this, { title, x, kind, include, format, tight, xKind, series: [], marks: [], cursor: null });
    this.element = h("figure", { class: "chart" });
    this.plot = new Plot(this.element, title, HEIGHT, () => this.#draw(), { tabindex: 0 });
    this.canvas = this.plot.canvas;
    this.legend = h("ul", { class: "legend" });
    this.reading = h("p", { class: "reading", hidden: true });
    this.bare = h("p", { class: "bare", hidden: true }, "Nothing measured yet.");
    const caption = h("figcaption", { id: fresh("chart") }, h("strong", {}, title), note && h("span", {}, note));
    this.element.append(caption, this.legend, h("div", { class: "stage" }, this.canvas, this.reading), this.bare);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => this.#read(null));
    this.canvas.addEventListener("blur", () => this.#read(null));
    this.canvas.addEventListener("keydown", (event) => this.#step(event));
  }

  /** @param {Series[]} series; marks: {x, text} are vertical lines. */
  update(series, { marks = [] } = {}) {
    this.series = series;
    this.marks = marks;
    this.plot.soon();
  }

  #draw() {
    const { series } = this;
    if (this.plot.width < 60) return;
    const some = series.some((one) => one.y.some((value) => value !== null && value !== undefined));
    this.bare.hidden = some;
    this.canvas.hidden = !some;
    this.#drawLegend();
    if (!some) return;
    this.canvas.setAttribute("aria-label", `${this.title}. ${this.#summary()} Arrow keys read the values.`);
    this.#collect();
    const datasets = [...series.map((one, i) => this.#line(one, i)), ...series.flatMap((one, i) => this.#band(one, i))];
    this.plot.show(datasets, { layout: { padding: { top: 12, right: 12 } }, scales: { x: this.#xAxis(), y: this.#yAxis() } });
    if (this.cursor !== null) this.#read(this.cursor);
  }

  #drawLegend() {
    this.legend.hidden = this.series.length < 2;
    if (this.legend.childElementCount === this.series.length && this.legend.textContent === this.series.map((one) => one.name).join("")) return;
    show(this.legend, this.series.map((one, i) => h("li", { class: `s${i % 10}` }, one.name)));
  }

  #summary() {
    return this.series.map((one) => {
      const last = one.y.findLastIndex((value) => value !== null && value !== undefined);
      return last < 0 ? "" : `${one.name}: ${this.format(one.y[last])} at ${this.x} ${number(one.x[last])}.`;
    }).slice(0, 6).join(" ");
  }

  #xAxis() {
    const most = Math.max(3, Math.floor(this.plot.width / TICK_EVERY));
    const base = axis(this.series.flatMap((one) => one.x), { kind: this.xKind, tight: true, most, whole: this.x === "epoch" });
    const title = { display: true, text: this.x, align: "end", color: ink("soft"), padding: 0 };
    return { ...base, grid: { ...base.grid, drawOnChartArea: false }, title };
  }

  #yAxis() {
    const values = this.series.flatMap((one) => [...one.y, ...(one.low ?? []), ...(one.high ?? [])]);
    const { kind, include, tight, format } = this;
    return { ...axis(values, { kind, include, tight, format }), afterFit: (scale) => void (scale.width = LEFT) };
  }

  #places(value) {
    return isNumber(value) && (this.kind !== "log" || value > 0);
  }

  /** What stands across the plot: marks, and a cross for each value that is no number. */
  #collect() {
    this.marked = this.marks.map(({ x, text }) => ({ x, text, ink: ink("odd"), dash: [4, 3] }));
    this.plot.across.lines = this.marked;
    this.plot.across.crosses = this.series.flatMap((one) => one.x.filter((_, at) => typeof one.y[at] === "string").map((x) => ({ x, ink: ink("odd") })));
  }

  #line(one, i) {
    const data = one.x.map((x, at) => ({ x, y: this.#places(one.y[at]) ? one.y[at] : NaN }));
    // A value between two that are missing is no line: it gets a dot.
    const isLone = (at) => !Number.isNaN(data[at].y) && !this.#places(one.y[at - 1]) && !this.#places(one.y[at + 1]);
    const radii = data.map((_, at) => (isLone(at) ? 2.5 : 0));
    return { label: one.name, data, borderColor: inkOf(i), backgroundColor: inkOf(i), borderDash: i > 9 ? [5, 3] : [], pointRadius: radii.some(Boolean) ? radii : 0 };
  }

  #band(one, i) {
    if (!one.low || !one.high) return [];
    const ok = one.x.map((_, at) => at).filter((at) => this.#places(one.low[at]) && this.#places(one.high[at]));
    if (ok.length < 2) return [];
    const edge = (values) => ({ data: ok.map((at) => ({ x: one.x[at], y: values[at] })), borderWidth: 0, pointHoverRadius: 0, order: 1 });
    return [{ ...edge(one.high), label: `${one.name}, range`, fill: "+1", backgroundColor: inkOf(i, 0.18) }, edge(one.low)];
  }

  #point(event) {
    if (!this.plot.chart) return;
    const stops = this.#stops();
    const far = (x) => Math.abs(this.plot.at(x) - event.offsetX);
    let best = 0;
    stops.forEach((x, at) => { if (far(x) < far(stops[best])) best = at; });
    this.#read(best);
  }

  #stops() {
    return [...new Set(this.series.flatMap((one) => one.x))].sort((a, b) => a - b);
  }

  #step(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
    if (!(event.key in moves) && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    const last = this.#stops().length - 1;
    const from = this.cursor ?? -1;
    const to = event.key === "Home" ? 0 : event.key === "End" ? last : from + moves[event.key];
    this.#read(Math.max(0, Math.min(last, to)));
    announce(this.reading.textContent);
  }

  #read(cursor) {
    const x = cursor === null ? undefined : this.#stops()[cursor];
    const { chart, across } = this.plot;
    if (!chart || (x === undefined && this.cursor === null)) return;
    this.cursor = x === undefined ? null : cursor;
    this.reading.hidden = this.cursor === null;
    const rows = this.series.map((one, i) => ({ one, i, at: one.x.indexOf(x) })).filter(({ one, at }) => at >= 0 && one.y[at] !== undefined && one.y[at] !== null);
    across.lines = x === undefined ? this.marked : [...this.marked, { x, ink: ink("soft"), dash: [2, 3] }];
    chart.setActiveElements(rows.filter(({ one, at }) => this.#places(one.y[at])).map(({ i, at }) => ({ datasetIndex: i, index: at })));
    chart.draw();
    if (x === undefined) return;
    const name = (one) => (this.series.length > 1 ? `${one.name} ` : "");
    show(this.reading, h("b", {}, `${this.x} ${number(x)} `), rows.slice(0, 12).map(({ one, i, at }) => h("span", { class: `s${i % 10}` }, `${name(one)}${this.format(one.y[at])} `)));
    this.reading.classList.toggle("left", this.plot.at(x) > this.plot.width / 2);
  }
}
