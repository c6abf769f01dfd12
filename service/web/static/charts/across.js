// What stands beside the plotted data, as a plugin of one chart.

import { Chart, ink } from "/static/charts/chartjs.js";

/** Lines from top to bottom at `lines` ({x, ink, dash, text}), and a cross at the
 * upper edge at each of `crosses` ({x, ink}), for what has no place on the axis. */
export class Across {
  id = "across";
  lines = [];
  crosses = [];

  afterDatasetsDraw(chart) {
    const { ctx, scales, chartArea } = chart;
    ctx.save();
    ctx.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;
    for (const line of this.lines) this.#drawLine(ctx, chartArea, scales.x.getPixelForValue(line.x), line);
    ctx.textAlign = "center";
    for (const { x, ink: colour } of this.crosses) {
      ctx.fillStyle = colour;
      ctx.fillText("✕", scales.x.getPixelForValue(x), chartArea.top + 4);
    }
    ctx.restore();
  }

  #drawLine(ctx, { top, bottom, left, right }, at, { ink: colour, dash, text }) {
    if (at < left || at > right) return;
    ctx.strokeStyle = colour;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(at, top);
    ctx.lineTo(at, bottom);
    ctx.stroke();
    if (!text) return;
    const isFar = at > left + 0.6 * (right - left);
    ctx.textAlign = isFar ? "end" : "start";
    ctx.fillStyle = ink("soft");
    ctx.fillText(text, at + (isFar ? -8 : 5), top + 10);
  }
}
