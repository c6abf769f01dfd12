// Line charts in SVG: series with optional bands, linear or logarithmic, marks, a reading by mouse
// and by arrow keys. Values that are not finite break the line and are flagged at the upper edge.

import { announce, fresh, h, show, svg } from "/static/dom.js";
import { number } from "/static/format.js";
import { axis, isNumber } from "/static/charts/scale.js";

const HEIGHT = 210;
const EDGE = { left: 58, right: 12, top: 12, bottom: 30 };

/** @typedef {{name: string, x: number[], y: any[], low?: any[], high?: any[]}} Series */

export class LineChart {
  /** `include`: values that the y axis always shows. `format`: of y values. */
  constructor({ title, note = "", x = "epoch", kind = "linear", include = [], format = number, tight = false, xKind = "linear" }) {
    Object.assign(this, { title, x, kind, include, format, tight, xKind, series: [], marks: [], cursor: null });
    this.canvas = svg("svg", { class: "plot", role: "img", tabindex: 0, height: HEIGHT });
    this.legend = h("ul", { class: "legend" });
    this.reading = h("p", { class: "reading", hidden: true });
    this.bare = h("p", { class: "bare", hidden: true }, "Nothing measured yet.");
    const caption = h("figcaption", { id: fresh("chart") }, h("strong", {}, title), note && h("span", {}, note));
    this.element = h("figure", { class: "chart" }, caption, this.legend, h("div", { class: "stage" }, this.canvas, this.reading), this.bare);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => this.#read(null));
    this.canvas.addEventListener("blur", () => this.#read(null));
    this.canvas.addEventListener("keydown", (event) => this.#step(event));
    // The only one to measure: reading a width while others draw would have the browser lay out the page
    // anew for each chart.
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width === this.width) return;
      this.width = width;
      this.#draw();
    }).observe(this.element);
  }

  /** @param {Series[]} series; marks: {x, text} are vertical lines. */
  update(series, { marks = [] } = {}) {
    this.series = series;
    this.marks = marks;
    if (!this.waiting) {
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.#draw(); });
    }
  }

  #draw() {
    const { series, width = 0 } = this;
    if (width < 60) return;
    const some = series.some((one) => one.y.some((value) => value !== null && value !== undefined));
    this.bare.hidden = some;
    this.canvas.style.display = some ? "" : "none";
    this.#drawLegend();
    if (!some) return;
    const xs = series.flatMap((one) => one.x);
    const ys = series.flatMap((one) => [...one.y, ...(one.low ?? []), ...(one.high ?? [])]);
    this.ax = axis(xs, { tight: true, kind: this.xKind, wanted: Math.max(2, Math.floor(width / 90)) });
    if (this.x === "epoch") this.ax.ticks = this.ax.ticks.filter(Number.isInteger);
    this.ay = axis(ys, { kind: this.kind, include: this.include, tight: this.tight });
    this.px = (value) => EDGE.left + this.ax.at(value) * (width - EDGE.left - EDGE.right);
    this.py = (value) => HEIGHT - EDGE.bottom - this.ay.at(value) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.canvas.setAttribute("width", width);
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.canvas.setAttribute("aria-label", `${this.title}. ${this.#summary()} Arrow keys read the values.`);
    show(this.canvas, this.#grid(width), this.#drawMarks(), series.map((one, i) => this.#drawSeries(one, i)));
    this.guide = svg("g", { class: "guide" });
    this.canvas.append(this.guide);
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

  #grid(width) {
    const bottom = HEIGHT - EDGE.bottom;
    return [
      this.ay.ticks.map((tick) => [
        svg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: this.py(tick), y2: this.py(tick) }),
        svg("text", { class: "tick", x: EDGE.left - 7, y: this.py(tick) + 4, "text-anchor": "end" }, this.format(tick)),
      ]),
      this.ax.ticks.map((tick) => [
        svg("line", { class: "grid", x1: this.px(tick), x2: this.px(tick), y1: bottom, y2: bottom + 4 }),
        svg("text", { class: "tick", x: this.px(tick), y: bottom + 17, "text-anchor": "middle" }, number(tick)),
      ]),
      svg("text", { class: "tick", x: width - EDGE.right, y: HEIGHT - 1, "text-anchor": "end" }, this.x),
    ];
  }

  #drawMarks() {
    return this.marks.map((mark) => [
      svg("line", { class: "mark", x1: this.px(mark.x), x2: this.px(mark.x), y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      svg("text", { class: "tick", x: this.px(mark.x) + (this.ax.at(mark.x) > 0.6 ? -8 : 5), y: EDGE.top + 10, "text-anchor": this.ax.at(mark.x) > 0.6 ? "end" : "start" }, mark.text),
    ]);
  }

  #places(value) {
    return isNumber(value) && (this.kind !== "log" || value > 0);
  }

  #drawSeries(one, i) {
    const path = [];
    const lone = [];
    const odd = [];
    let pen = "M";
    for (let at = 0; at < one.x.length; at += 1) {
      const value = one.y[at];
      if (this.#places(value)) {
        path.push(`${pen}${this.px(one.x[at]).toFixed(1)},${this.py(value).toFixed(1)}`);
        if (pen === "M" && !this.#places(one.y[at + 1])) lone.push([this.px(one.x[at]), this.py(value)]);
        pen = "L";
      } else {
        if (typeof value === "string") odd.push(this.px(one.x[at]));
        pen = "M";
      }
    }
    return svg("g", { class: `s${i % 10}${i > 9 ? " dashed" : ""}` },
      this.#band(one),
      svg("path", { class: "line", d: path.join("") }),
      lone.map(([cx, cy]) => svg("circle", { class: "dot", cx, cy, r: 2.5 })),
      odd.map((x) => svg("text", { class: "odd", x, y: EDGE.top + 4, "text-anchor": "middle" }, "✕")));
  }

  #band(one) {
    if (!one.low || !one.high) return null;
    const ok = one.x.map((_, at) => at).filter((at) => this.#places(one.low[at]) && this.#places(one.high[at]));
    if (ok.length < 2) return null;
    const corner = (at, value) => `${this.px(one.x[at]).toFixed(1)},${this.py(value).toFixed(1)}`;
    const there = ok.map((at) => corner(at, one.high[at]));
    const back = ok.reverse().map((at) => corner(at, one.low[at]));
    return svg("polygon", { class: "band", points: [...there, ...back].join(" ") });
  }

  #point(event) {
    if (!this.px) return;
    const share = (event.offsetX - EDGE.left) / (this.width - EDGE.left - EDGE.right);
    const places = this.#stops();
    let best = 0;
    places.forEach((x, at) => {
      if (Math.abs(this.ax.at(x) - share) < Math.abs(this.ax.at(places[best]) - share)) best = at;
    });
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
    this.cursor = cursor;
    this.reading.hidden = cursor === null;
    if (!this.guide) return;
    if (cursor === null) return void show(this.guide);
    const x = this.#stops()[cursor];
    if (x === undefined) return;
    const at = this.px(x);
    const rows = this.series.map((one, i) => [one, i, one.y[one.x.indexOf(x)]]).filter(([, , y]) => y !== undefined && y !== null);
    show(this.guide,
      svg("line", { x1: at, x2: at, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      rows.filter(([, , y]) => this.#places(y)).map(([, i, y]) => svg("circle", { class: `s${i % 10} dot`, cx: at, cy: this.py(y), r: 3.5 })));
    const name = (one) => (this.series.length > 1 ? `${one.name} ` : "");
    show(this.reading, h("b", {}, `${this.x} ${number(x)} `), rows.slice(0, 12).map(([one, i, y]) => h("span", { class: `s${i % 10}` }, `${name(one)}${this.format(y)} `)));
    this.reading.classList.toggle("left", at > this.width / 2);
  }
}

/** A few points as a line without axes; `fixed` is the span of y, left out: the data's. */
export function sparkline(values, { label, fixed, kind = "linear" }) {
  const [width, height] = [90, 24];
  const ys = values.map((value) => (isNumber(value) && (kind !== "log" || value > 0) ? value : null));
  const scale = fixed ? { at: (value) => (value - fixed[0]) / (fixed[1] - fixed[0]) } : axis(ys, { kind, tight: true });
  const step = (width - 4) / Math.max(1, values.length - 1);
  let pen = "M";
  const path = ys.map((value, i) => {
    if (value === null) return void (pen = "M");
    const place = `${pen}${(2 + i * step).toFixed(1)},${(height - 3 - scale.at(value) * (height - 6)).toFixed(1)}`;
    pen = "L";
    return place;
  });
  return svg("svg", { class: "spark", role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}` },
    svg("path", { class: "line", d: path.filter(Boolean).join("") }));
}
