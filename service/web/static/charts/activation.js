// An activation and its derivative, with its kinks and the convention that was chosen at 0.

import { h, show, svg } from "/static/dom.js";
import { number } from "/static/format.js";
import { compile, constant } from "/static/charts/formula.js";

const [WIDTH, HEIGHT] = [460, 190];
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
    this.canvas = svg("svg", { class: "plot", role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
    this.text = h("p", { class: "hint" });
    this.legend = h("ul", { class: "legend" }, h("li", { class: "s0" }, "φ(x)"), h("li", { class: "s1" }, "φ′(x)"));
    this.element = h("figure", { class: "chart preview" }, h("figcaption", {}, h("strong", {}, "Activation")), this.legend, this.canvas, this.text);
  }

  /** `choice`: the catalogue's entry; `parameters`: numbers by name; `chosen`: φ′(0), or null. */
  update(choice, parameters, chosen) {
    const compute = compile(choice.formula, parameters);
    this.canvas.style.display = compute ? "" : "none";
    if (!compute) return void (this.text.textContent = `φ(x) = ${choice.formula}`);
    const kinks = kinksOf(choice, compute);
    const pytorch = choice.framework_conventions ? constant(choice.framework_conventions.pytorch, choice.formula, parameters) : null;
    const atZero = kinks.find(({ x }) => x === 0);
    const convention = atZero ? (chosen ?? pytorch) : null;
    this.#draw(compute, kinks, convention);
    this.text.textContent = this.#describe(choice, kinks, atZero, chosen, convention);
    this.canvas.setAttribute("aria-label", `${choice.name} and its derivative. ${this.text.textContent}`);
  }

  #draw(compute, kinks, convention) {
    const [least, most] = [Math.min(-1.5, (convention ?? 0) - 0.2), Math.max(2.2, (convention ?? 0) + 0.2)];
    const px = (x) => ((x - LOW) / (HIGH - LOW)) * WIDTH;
    const py = (y) => HEIGHT - 6 - ((y - least) / (most - least)) * (HEIGHT - 12);
    const xs = Array.from({ length: STEPS + 1 }, (_, i) => LOW + ((HIGH - LOW) * (i + 0.5)) / (STEPS + 1));
    const path = (value) => xs.map((x, i) => {
      // A jump is no line.
      const jumps = i > 0 && kinks.some((kink) => xs[i - 1] < kink.x && kink.x <= x);
      return `${i === 0 || (jumps && value !== compute) ? "M" : "L"}${px(x).toFixed(1)},${py(Math.max(least - 9, Math.min(most + 9, value(x)))).toFixed(1)}`;
    }).join("");
    show(this.canvas,
      svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: py(0), y2: py(0) }),
      svg("line", { class: "axis", x1: px(0), x2: px(0), y1: 0, y2: HEIGHT }),
      [-2, 2].map((x) => svg("text", { class: "tick", x: px(x), y: py(0) + 13, "text-anchor": "middle" }, number(x))),
      [-1, 1, 2].map((y) => svg("text", { class: "tick", x: px(0) - 4, y: py(y) + 4, "text-anchor": "end" }, number(y))),
      kinks.map(({ x }) => svg("line", { class: "kink", x1: px(x), x2: px(x), y1: 0, y2: HEIGHT })),
      svg("path", { class: "line value", d: path(compute) }),
      svg("path", { class: "line slope", d: path((x) => slope(compute, x)) }),
      kinks.flatMap(({ x, left, right }) => [left, right].map((y) => svg("circle", { class: "limit", cx: px(x), cy: py(y), r: 3.5 }))),
      convention !== null && svg("circle", { class: "convention", cx: px(0), cy: py(convention), r: 5.5 }));
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
