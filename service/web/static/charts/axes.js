// Axes for Chart.js.

import { isNumber, number } from "/static/format.js";
import { ink } from "/static/charts/chartjs.js";

const TICKS = 7;
/** Of a linear axis: Chart.js looks for ticks for ever where one lies beyond what float64 holds. */
const MOST = Number.MAX_VALUE / 8;

/** An axis over the values, as far as it has places for them. `include` widens a linear one; `tight`: it
 * ends where the values do, and not at ticks. */
export function axis(values, { kind = "linear", include = [], most = TICKS, tight = false, whole = false, format = number }) {
  const usable = [...values, ...include].filter((value) => isNumber(value) && (kind !== "log" || value > 0));
  let [low, high] = [Infinity, -Infinity];
  for (const value of usable) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const line = ink("line");
  const base = {
    border: { display: false },
    grid: { color: line, tickColor: line },
    ticks: { color: ink("soft"), maxRotation: 0, includeBounds: false, maxTicksLimit: most, precision: whole ? 0 : undefined, callback: (value) => format(value) },
  };
  if (kind === "log") return { ...base, ...logarithmic(low, high, tight) };
  if (low > high) [low, high] = [0, 1];
  const isHuge = low < -MOST || high > MOST;
  [low, high] = [low, high].map((end) => Math.min(Math.max(end, -MOST), MOST));
  const room = low === high ? Math.abs(low) / 2 || 0.5 : 0;
  [low, high] = [low - room, high + room];
  const ends = isHuge || (tight && !room) ? { min: low, max: high } : { suggestedMin: low, suggestedMax: high };
  return { ...base, type: "linear", ...ends };
}

/** With ticks at powers of ten, at most seven: Chart.js's own are uneven over many decades, and below
 * 1e-40 there are none. */
function logarithmic(low, high, tight) {
  if (low > high) [low, high] = [0.1, 1];
  let first = Math.floor(Math.log10(low) + 1e-9);
  let last = Math.ceil(Math.log10(high) - 1e-9);
  [first, last] = [Math.max(first, -323), Math.min(last, 308)]; // beyond, float64 has no powers of ten
  if (first === last) [first, last] = [first - 1, last + 1];
  const every = Math.ceil((last - first) / (TICKS - 1));
  let ticks = [];
  for (let power = first; power <= last; power += every) ticks.push(Number(`1e${power}`));
  const isTight = tight && low < high;
  const [min, max] = isTight ? [low, high] : [Number(`1e${first}`), Number(`1e${last}`)];
  ticks = ticks.filter((tick) => min * 0.999 <= tick && tick <= max * 1.001);
  if (ticks.length < 2) ticks = [min, ...ticks.filter((tick) => min < tick && tick < max), max];
  return { type: "logarithmic", bounds: "data", min, max, afterBuildTicks: (scale) => void (scale.ticks = ticks.map((value) => ({ value }))) };
}
