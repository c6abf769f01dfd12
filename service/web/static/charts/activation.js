// An activation and its derivative, with its kinks and the convention that was chosen at 0.

import { h } from "/static/dom.js";
import { number } from "/static/format.js";
import { axis } from "/static/charts/axes.js";
import { ink, inkOf } from "/static/charts/chartjs.js";
import { Plot } from "/static/charts/plot.js";
import { compile, constant } from "/static/charts/formula.js";

const HEIGHT = 190;
const [LOW, HIGH] = [-4, 4];
const STEPS = 321; // odd: no place that a kink has is among the samples
const SMALL = 1e-5;

const slope = (compute, x, side = 0) =>
  side === 0 ? (compute(x + SMALL) - compute(x - SMALL)) / (2 * SMALL) : side * (compute(x + side * SMALL) - compute(x)) / SMALL;

/** Where the derivative jumps: of the places that the catalogue names, those that do so with these
 * parameters, each with its one-sided derivatives. */
function kinksOf(choice, compute) {
  const places = new Set([...choice.kinks, ...(choice.accepts_derivative_at_zero ? [0] : [])]);
  return [...places].map((x) => ({ x, left: slope(compute, x, -1), right: slope(compute, x, 1) })).filter(({ left, right }) => Math.abs(left - right) > 1e-3);
}

export class ActivationPlot {
  constructor() {
    this.element = h("figure", { class: "chart preview" });
    this.plot = new Plot(this.element, "Activation", HEIGHT, () => this.#draw());
    this.canvas = this.plot.canvas;
    this.text = h("p", { class: "hint" });
    this.legend = h("ul", { class: "legend" }, h("li", { class: "s0" }, "φ(x)"), h("li", { class: "s1" }, "φ′(x)"));
    this.element.append(h("figcaption", {}, h("strong", {}, "Activation")), this.legend, this.canvas, this.text);
  }

  /** `choice`: the catalogue's entry; `parameters`: numbers by name; `chosen`: φ′(0), or null. */
  update(choice, parameters, chosen) {
    const compute = compile(choice.formula, parameters);
    this.canvas.hidden = !compute;
    if (!compute) return void (this.text.textContent = `φ(x) = ${choice.formula}`);
    const kinks = kinksOf(choice, compute);
    const pytorch = choice.framework_conventions ? constant(choice.framework_conventions.pytorch, choice.formula, parameters) : null;
    const atZero = kinks.find(({ x }) => x === 0);
    const convention = atZero ? (chosen ?? pytorch) : null;
    this.shown = { compute, kinks, convention };
    this.plot.soon();
    this.text.textContent = this.#describe(choice, kinks, atZero, chosen, convention);
    this.canvas.setAttribute("aria-label", `${choice.name} and its derivative. ${this.text.textContent}`);
  }

  #draw() {
    if (!this.shown) return;
    const { compute, kinks, convention } = this.shown;
    const [least, most] = [Math.min(-1.5, (convention ?? 0) - 0.2), Math.max(2.2, (convention ?? 0) + 0.2)];
    const xs = Array.from({ length: STEPS + 1 }, (_, i) => LOW + ((HIGH - LOW) * (i + 0.5)) / (STEPS + 1));
    // A jump is no line.
    const jumps = (x, i) => i > 0 && kinks.some((kink) => xs[i - 1] < kink.x && kink.x <= x);
    const slopes = xs.flatMap((x, i) => [...(jumps(x, i) ? [{ x, y: NaN }] : []), { x, y: slope(compute, x) }]);
    const limits = kinks.flatMap(({ x, left, right }) => [left, right].map((y) => ({ x, y })));
    const points = { showLine: false, borderColor: inkOf(1), order: -1 };
    this.plot.across.lines = kinks.map(({ x }) => ({ x, ink: ink("odd"), dash: [3, 3] }));
    this.plot.show([
      { label: "φ(x)", data: xs.map((x) => ({ x, y: compute(x) })), borderColor: inkOf(0) },
      { label: "φ′(x)", data: slopes, borderColor: inkOf(1) },
      { ...points, label: "one-sided", data: limits, pointRadius: 3.5, pointBackgroundColor: ink("card"), pointBorderColor: inkOf(1), pointBorderWidth: 1.5 },
      { ...points, label: "φ′(0)", data: convention === null ? [] : [{ x: 0, y: convention }], pointRadius: 5.5, pointBackgroundColor: inkOf(1), order: -2 },
    ], { scales: { x: this.#crossing(LOW, HIGH, [-2, 2], "y"), y: this.#crossing(least, most, [-1, 1, 2], "x") } });
  }

  /** One that crosses the other at 0, and has ticks at these values alone. */
  #crossing(min, max, values, other) {
    const base = axis([min, max], { tight: true });
    const looks = { border: { display: true, color: ink("line") }, grid: { display: false, drawTicks: false }, ticks: { ...base.ticks, padding: other === "x" ? -6 : 6 } }; // left of it, and below
    return { ...base, ...looks, position: { [other]: 0 }, afterBuildTicks: (scale) => void (scale.ticks = values.map((value) => ({ value }))) };
  }

  #describe(choice, kinks, atZero, chosen, convention) {
    const parts = [`φ(x) = ${choice.formula}.`];
    if (!kinks.length) return [...parts, "Smooth: there is no convention to choose."].join(" ");
    parts.push(`Kink at ${kinks.map(({ x }) => number(x)).join(" and ")}.`);
    if (!atZero) return [...parts, "Smooth at 0, so there is no convention to choose."].join(" ");
    const [low, high] = [Math.min(atZero.left, atZero.right), Math.max(atZero.left, atZero.right)];
    if (convention !== null) parts.push(`The dot is φ′(0) = ${number(convention)}, ${chosen === null ? "PyTorch's own value" : "as you chose"}.`);
    if (convention !== null && (convention < low - 1e-3 || convention > high + 1e-3)) parts.push(`It lies outside the subdifferential [${number(low, 3)}, ${number(high, 3)}].`);
    const others = Object.entries(choice.framework_conventions ?? {}).map(([name, value]) => `${name} ${typeof value === "number" ? number(value) : value}`);
    return [...parts, others.length ? `Frameworks: ${others.join(", ")}.` : ""].join(" ");
  }
}
