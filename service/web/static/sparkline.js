// A few points as a line without axes, of which a list has two hundred: a path in the markup, where a
// chart would be a canvas each.

import { svg } from "/static/dom.js";
import { isNumber } from "/static/format.js";

const [WIDTH, HEIGHT] = [90, 24];

/** `fixed` is the span of y; left out: the data's. */
export function sparkline(values, { label, fixed, kind = "linear" }) {
  const level = kind === "log" ? Math.log10 : Number;
  const ys = values.map((value) => (isNumber(value) && isNumber(level(value)) ? level(value) : null));
  const there = ys.filter((y) => y !== null);
  const [low, high] = fixed ?? [Math.min(...there), Math.max(...there)];
  const share = (y) => (high > low ? (y - low) / (high - low) : 0.5);
  const step = (WIDTH - 4) / Math.max(1, values.length - 1);
  let pen = "M";
  const path = ys.map((y, i) => {
    if (y === null) return void (pen = "M");
    const place = `${pen}${(2 + i * step).toFixed(1)},${(HEIGHT - 3 - share(y) * (HEIGHT - 6)).toFixed(1)}`;
    pen = "L";
    return place;
  });
  return svg("svg", { class: "spark", role: "img", "aria-label": label, width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
    svg("path", { class: "line", d: path.filter(Boolean).join("") }));
}
