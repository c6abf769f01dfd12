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

/** `choose(at)` is called with [row, column] of a cell that was pressed. */
export class HeatMap {
  constructor(choose) {
    this.choose = choose;
    this.element = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Results" });
  }

  update(table, chosen) {
    const format = formatOf(table.quantity);
    const means = table.cells.flat().map((cell) => cell.mean).filter(isNumber);
    const [low, high] = [Math.min(...means), Math.max(...means)];
    const share = (mean) => (high > low ? (mean - low) / (high - low) : 0.5);
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    show(this.element, h("table", { class: "heat" },
      h("caption", { class: "unseen" }, `${words(table.quantity)} by ${[...table.rows.axes, ...table.columns.axes].join(" and ")}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `${table.rows.axes.join(", ")} \\ ${table.columns.axes.join(", ") || "all"}`), table.columns.values.map((values) => h("th", { scope: "col", title: values.join(", ") }, label(values) || "all")))),
      h("tbody", {}, table.cells.map((cells, i) => h("tr", {}, h("th", { scope: "row", title: table.rows.values[i].join(", ") }, label(table.rows.values[i]) || "all"), cells.map((cell, j) => h("td", {}, this.#cell(cell, [i, j], format, share, chosen))))))));
    if (focused) this.element.querySelector(`[data-at="${focused}"]`)?.focus();
  }

  #cell(rough, at, format, share, chosen) {
    const cell = reading(rough);
    const text = describe(cell, format);
    const beside = [`n ${cell.n}`, cell.diverged > 0 && `${cell.diverged} diverged`, cell.missing > 0 && `${cell.missing} to come`].filter(Boolean).join(", ");
    const isChosen = chosen?.[0] === at[0] && chosen?.[1] === at[1];
    const button = h("button", { type: "button", "data-at": at.join("-"), "aria-pressed": String(isChosen), onclick: () => this.choose(at) }, isNumber(cell.mean) ? text : h("i", {}, text), h("small", {}, beside));
    if (isNumber(cell.mean)) {
      const { background, text: ink } = heatColour(share(cell.mean));
      Object.assign(button.style, { background, color: ink });
    }
    return button;
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
