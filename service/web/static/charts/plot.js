// A canvas that Chart.js draws on, as wide as the element that holds it and in the colours of the theme.

import { h } from "/static/dom.js";
import { Chart, onTheme } from "/static/charts/chartjs.js";
import { Across } from "/static/charts/across.js";

export class Plot {
  width = 0;
  across = new Across();

  /** `draw` is to call `show`, and is called whenever width or colours are others. */
  constructor(element, height, draw, properties = {}) {
    this.height = height;
    this.canvas = h("canvas", { class: "plot", role: "img", ...properties });
    onTheme(() => this.width && draw());
    // The only one to measure: reading a width while others draw would have the browser lay out the page
    // anew for each chart.
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width === this.width) return;
      this.width = width;
      draw();
    }).observe(element);
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
