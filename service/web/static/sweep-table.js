// A sweep's table, as a heat map or as lines over the axis along the columns.

import { heatColour, LineChart } from "/static/charts.js";
import { h, show } from "/static/dom.js";
import { number, percent, value, words } from "/static/format.js";

const IS_SHARE = /_fraction$|^sparsity$/;

export const formatOf = (quantity) => (IS_SHARE.test(quantity) ? percent : number);

const isNumber = (one) => typeof one === "number";
const label = (values) => values.map((one) => (isNumber(one) && !Number.isInteger(one) ? number(one, 3) : value(one))).join(", ");

function describe(cell, format) {
  if (cell.state === "missing") return cell.members ? "no value yet" : "no such job";
  if (cell.mean === null) return "diverged";
  return `${format(cell.mean)}${isNumber(cell.half) ? ` ± ${format(cell.half)}` : ""}`;
}

/** With both ends of the interval, and half its width, where there is one. */
function reading(cell) {
  const { low, high } = cell.interval ?? {};
  const known = isNumber(low) && isNumber(high);
  return { ...cell, low: known ? low : null, high: known ? high : null, half: known ? (high - low) / 2 : null };
}

/** `choose(at)` is called with [row, column] of a cell that was pressed. A cell is made once and then
 * changed where it has news: a table of a thousand cells may come every second. */
export class HeatMap {
  constructor(choose) {
    this.choose = choose;
    this.element = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Results" });
  }

  update(table) {
    const { rows, columns, quantity, cells } = table;
    const shape = JSON.stringify([rows, columns, quantity]);
    if (shape !== this.shape) this.#build(table);
    this.shape = shape;
    const means = cells.flat().map((cell) => cell.mean).filter(isNumber);
    const [low, high] = [Math.min(...means), Math.max(...means)];
    const share = (mean) => (high > low ? (mean - low) / (high - low) : 0.5);
    const format = formatOf(quantity);
    cells.forEach((row, i) => row.forEach((cell, j) => this.buttons[i][j].update(cell, format, isNumber(cell.mean) ? share(cell.mean) : null)));
  }

  /** Marks the cell at [row, column], and no other; null marks none. */
  mark(at) {
    this.marked?.press(false);
    this.marked = at && this.buttons[at[0]][at[1]];
    this.marked?.press(true);
  }

  #build({ rows, columns, quantity, cells }) {
    this.marked = null;
    this.buttons = cells.map((row, i) => row.map((_, j) => new Cell(() => this.choose([i, j]))));
    const line = (values, i) => h("tr", {}, h("th", { scope: "row", title: values.join(", ") }, label(values) || "all"), this.buttons[i].map(({ element }) => h("td", {}, element)));
    show(this.element, h("table", { class: "heat" },
      h("caption", { class: "unseen" }, `${words(quantity)} by ${[...rows.axes, ...columns.axes].join(" and ")}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `${rows.axes.join(", ")} \\ ${columns.axes.join(", ") || "all"}`), columns.values.map((values) => h("th", { scope: "col", title: values.join(", ") }, label(values) || "all")))),
      h("tbody", {}, rows.values.map(line))));
  }
}

class Cell {
  constructor(choose) {
    this.element = h("button", { type: "button", "aria-pressed": "false", onclick: choose });
  }

  press(isPressed) {
    this.element.setAttribute("aria-pressed", String(isPressed));
  }

  /** `share` is the way of the mean from the least to the most; null where there is no mean. */
  update(rough, format, share) {
    const text = JSON.stringify([rough, share]);
    if (text === this.text) return;
    this.text = text;
    const cell = reading(rough);
    const said = describe(cell, format);
    const beside = [`n ${cell.n}`, cell.diverged > 0 && `${cell.diverged} diverged`, cell.missing > 0 && `${cell.missing} to come`].filter(Boolean).join(", ");
    show(this.element, share === null ? h("i", {}, said) : said, h("small", {}, beside));
    const { background, text: ink } = share === null ? { background: "", text: "" } : heatColour(share);
    Object.assign(this.element.style, { background, color: ink });
  }
}

/** Lines over the columns, one per row, with the intervals as bands. */
export class SweepLines {
  constructor() {
    this.element = h("div", {});
  }

  update(table) {
    const firsts = table.columns.values.map((values) => values[0]);
    const places = firsts.every(isNumber) ? firsts : firsts.map((_, i) => i);
    const positive = places.every((x) => x > 0) && Math.max(...places) / Math.min(...places) >= 20;
    const key = `${table.quantity} ${table.columns.axes} ${positive}`;
    if (key !== this.key) {
      this.key = key;
      const named = firsts.every(isNumber) ? "" : `${firsts.map((one, i) => `${i}: ${value(one)}`).join(", ")}; `;
      const note = `${named}bands: 95 % interval over ${table.over.join(", ") || "nothing"}`;
      this.chart = new LineChart({ title: words(table.quantity), note, x: table.columns.axes.join(", ") || "all", format: formatOf(table.quantity), xKind: positive ? "log" : "linear" });
      show(this.element, this.chart.element);
    }
    const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
    this.chart.update(table.cells.map((row, i) => {
      const cells = order.map((at) => reading(row[at]));
      return { name: label(table.rows.values[i]) || "all", x: order.map((at) => places[at]), y: cells.map((cell) => cell.mean), low: cells.map((cell) => cell.low), high: cells.map((cell) => cell.high) };
    }));
  }
}
