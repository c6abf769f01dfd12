// A canvas that Chart.js draws on, as wide as the element that holds it and in the colours of the theme.

import { h } from "/static/dom.js";
import { Chart, onTheme } from "/static/charts/chartjs.js";
import { Across } from "/static/charts/across.js";

const BUDGET_MS = 8;
const waiting = new Set();
let isComing = false;

/** Draws what waits, one after the other; what a frame has no time for waits for the next, so that
 * many charts with news at once hold up no key. */
function drawWaiting() {
  const began = performance.now();
  isComing = false;
  try {
    for (const plot of waiting) {
      waiting.delete(plot);
      plot.draw();
      if (performance.now() - began > BUDGET_MS) break;
    }
  } finally {
    if (waiting.size) comeSoon();
  }
}

function comeSoon() {
  if (!isComing) requestAnimationFrame(drawWaiting);
  isComing = true;
}

export class Plot {
  width = 0;
  across = new Across();

  /** `name`: for who cannot see it, until `draw` knows more to say. `draw` is to call `show`; it is
   * called whenever `soon` was, or width or colours are others. */
  constructor(element, name, height, draw, properties = {}) {
    this.height = height;
    this.draw = draw;
    this.canvas = h("canvas", { class: "plot", role: "img", "aria-label": name, ...properties });
    onTheme(() => this.width && this.draw()); // at once: paper waits for no frame
    // The only one to measure: reading a width while others draw would have the browser lay out the page
    // anew for each chart.
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width === this.width) return;
      this.width = width;
      this.soon();
    }).observe(element);
  }

  soon() {
    if (!this.width) return; // not in the page yet, or hidden
    waiting.add(this);
    comeSoon();
  }

  show(datasets, options) {
    const { chart, canvas, width, height } = this;
    if (chart) {
      chart.data.datasets = datasets;
      chart.options = options;
      if (chart.width !== width) chart.resize(width, height);
      chart.update("none");
    } else {
      [canvas.width, canvas.height] = [width, height];
      this.chart = new Chart(canvas, { type: "line", data: { datasets }, options, plugins: [this.across] });
    }
  }

  /** Where a value of x stands, in pixels from the left. */
  at(x) {
    return this.chart.scales.x.getPixelForValue(x);
  }
}
