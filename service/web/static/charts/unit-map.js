// The unit map: a column per unit, a row per epoch from top to bottom, bright where the unit is
// active. A unit that dies is a column going dark. Canvas: 4096 units x 200 epochs are 800,000 cells.

import { announce, fresh, h, show } from "/static/dom.js";
import { isNumber, number } from "/static/format.js";
import { colour } from "/static/charts/colours.js";

const HEIGHT = 260;
const LEFT = 40;
const TOP = 4;
const BOTTOM = 26;

export class UnitMap {
  constructor() {
    this.canvas = h("canvas", { class: "unit-map", tabindex: 0, role: "img", "aria-label": "Unit map" });
    this.reading = h("p", { class: "map-reading" }, "Point at a cell, or move with the arrow keys.");
    this.text = h("p", { class: "map-summary", id: fresh("map") });
    this.element = h("div", { class: "map" }, this.text, this.canvas, this.reading);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(() => this.#draw()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    this.cell = [0, 0];
  }

  /** The body of /units. */
  update(series) {
    this.series = series;
    const { dead, units, lifecycles } = series;
    const last = dead.at(-1) ?? [];
    const gone = last.filter(Boolean).length;
    const died = lifecycles.reduce((sum, one) => sum + one.died.length, 0);
    const revived = lifecycles.reduce((sum, one) => sum + one.revived.length, 0);
    const born = lifecycles.filter((one) => one.died[0] === 0).length;
    const share = series.irreversible_fraction;
    show(this.text,
      h("b", {}, `${gone} of ${units} units dead now`), `; ${died} deaths (${born} at birth), ${revived} revivals`,
      share === null ? "." : `; of the units dead at some earlier epoch ${number(100 * share, 3)} % stayed so.`);
    this.canvas.setAttribute("aria-label", `Unit map: ${this.text.textContent} Arrow keys read the cells.`);
    this.#paint();
    this.#draw();
  }

  /** One pixel a cell, to be stretched. */
  #paint() {
    const { activity, dead, units } = this.series;
    const finite = activity.flat().filter(isNumber).sort((a, b) => a - b);
    const top = finite[Math.floor(0.98 * (finite.length - 1))] || 1;
    const image = new ImageData(Math.max(1, units), Math.max(1, activity.length));
    activity.forEach((row, y) => row.forEach((value, x) => {
      const [red, green, blue] = !isNumber(value) ? [120, 120, 120] : dead[y][x] ? [0, 0, 4] : colour(0.14 + 0.86 * Math.sqrt(Math.max(0, value) / top));
      image.data.set([red, green, blue, 255], 4 * (y * units + x));
    }));
    this.pixels = new OffscreenCanvas(image.width, image.height);
    this.pixels.getContext("2d").putImageData(image, 0, 0);
  }

  #draw() {
    if (!this.series) return;
    const ratio = devicePixelRatio || 1;
    const width = (this.width = Math.max(120, this.element.clientWidth));
    this.canvas.width = width * ratio;
    this.canvas.height = HEIGHT * ratio;
    this.canvas.style.height = `${HEIGHT}px`;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.imageSmoothingEnabled = false;
    const { epochs, units } = this.series;
    this.step = [(width - LEFT - 2) / Math.max(1, units), (HEIGHT - TOP - BOTTOM) / Math.max(1, epochs.length)];
    pen.drawImage(this.pixels, LEFT, TOP, width - LEFT - 2, HEIGHT - TOP - BOTTOM);
    this.#drawAxes(pen, width);
    this.#drawMarks(pen);
  }

  #drawAxes(pen, width) {
    const style = getComputedStyle(this.element);
    pen.fillStyle = style.color;
    pen.font = "11px system-ui, sans-serif";
    const { epochs, units } = this.series;
    const rows = [0, Math.floor((epochs.length - 1) / 2), epochs.length - 1];
    pen.textAlign = "right";
    for (const row of new Set(rows)) if (row >= 0) pen.fillText(epochs[row], LEFT - 6, Math.max(12, TOP + (row + 0.5) * this.step[1] + 4));
    pen.textAlign = "center";
    for (const unit of new Set([0, Math.floor(units / 2), units - 1])) {
      pen.fillText(unit, Math.min(width - 12, LEFT + (unit + 0.5) * this.step[0]), HEIGHT - 12);
    }
    pen.fillText("unit →", LEFT + 0.25 * units * this.step[0], HEIGHT - 12);
    pen.save();
    pen.translate(10, TOP + (HEIGHT - TOP - BOTTOM) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("← epoch", 0, 0);
    pen.restore();
  }

  /** Deaths and revivals where they happened: a triangle down, a triangle up. */
  #drawMarks(pen) {
    const { epochs, lifecycles } = this.series;
    const rowOf = (epoch) => epochs.findIndex((shown) => shown >= epoch);
    const size = Math.max(2, Math.min(5, this.step[0] * 0.9));
    const mark = (unit, epoch, way, fill) => {
      const x = LEFT + (unit + 0.5) * this.step[0];
      const y = TOP + (rowOf(epoch) + 0.5) * this.step[1];
      pen.beginPath();
      pen.moveTo(x - size, y - way * size);
      pen.lineTo(x + size, y - way * size);
      pen.lineTo(x, y + way * size);
      pen.closePath();
      pen.fillStyle = fill;
      pen.strokeStyle = "#000";
      pen.lineWidth = 0.8;
      pen.fill();
      pen.stroke();
    };
    lifecycles.forEach(({ died, revived }, unit) => {
      for (const epoch of died) mark(unit, epoch, 1, "#ff6b6b");
      for (const epoch of revived) mark(unit, epoch, -1, "#69db7c");
    });
  }

  #point(event) {
    if (!this.step) return;
    this.cell = [Math.floor((event.offsetX - LEFT) / this.step[0]), Math.floor((event.offsetY - TOP) / this.step[1])];
    this.#read();
  }

  #step(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move || !this.series) return;
    event.preventDefault();
    const { units, epochs } = this.series;
    const within = (value, most) => Math.max(0, Math.min(most - 1, value));
    this.cell = [within(this.cell[0] + move[0], units), within(this.cell[1] + move[1], epochs.length)];
    this.#read();
    announce(this.reading.textContent);
  }

  #read() {
    const [unit, row] = this.cell;
    const { epochs, activity, dead, lifecycles } = this.series;
    if (activity[row]?.[unit] === undefined) return;
    const life = lifecycles[unit];
    const story = [life.died.length && `died at ${life.died.join(", ")}`, life.revived.length && `revived at ${life.revived.join(", ")}`].filter(Boolean).join("; ");
    this.reading.textContent = `Unit ${unit}, epoch ${epochs[row]}: mean |h| ${number(activity[row][unit])}${dead[row][unit] ? ", dead" : ""}${story && ` (${story})`}`;
  }
}
