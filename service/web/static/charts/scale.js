// From values to places: linear and logarithmic axes with round ticks.

/** Numbers only: what JSON cannot hold comes as a string, what was not measured as null. */
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function linear(low, high, wanted) {
  const span = high - low || Math.abs(high) || 1;
  if (high === low) [low, high] = [low - span / 2, high + span / 2];
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
  const first = Math.floor(low / step + 1e-9) * step;
  const last = Math.ceil(high / step - 1e-9) * step;
  const ticks = [];
  for (let i = 0; first + i * step <= last + step / 2; i += 1) ticks.push(Number((first + i * step).toPrecision(12)));
  return { low: first, high: last, ticks, at: (value) => (value - first) / (last - first) };
}

function logarithmic(low, high, tight) {
  let first = Math.floor(Math.log10(low) + 1e-9);
  let last = Math.ceil(Math.log10(high) - 1e-9);
  if (first === last) [first, last] = [first - 1, last + 1];
  const every = Math.ceil((last - first) / 6);
  const ticks = [];
  for (let power = first; power <= last; power += every) ticks.push(10 ** power);
  if (tight && low < high) {
    [first, last] = [Math.log10(low), Math.log10(high)];
    if (ticks.filter((tick) => tick >= low && tick <= high).length < 2) ticks.push(low, high);
  }
  const shown = ticks.filter((tick) => tick >= 10 ** first * 0.999 && tick <= 10 ** last * 1.001);
  return { low: 10 ** first, high: 10 ** last, ticks: shown, at: (value) => (Math.log10(value) - first) / (last - first) };
}

/** An axis over the values: `at` maps a value to 0 … 1. Values that it cannot place (not finite,
 * or not above 0 on a logarithmic axis) are left out. `include` widens it. */
export function axis(values, { kind = "linear", include = [], wanted = 5, tight = false } = {}) {
  const isLog = kind === "log";
  const usable = [...values, ...include].filter((value) => isNumber(value) && (!isLog || value > 0));
  let low = Infinity;
  let high = -Infinity;
  for (const value of usable) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = isLog ? [0.1, 1] : [0, 1];
  if (isLog) return logarithmic(low, high, tight);
  const made = linear(low, high, wanted);
  if (!tight || low === high) return made;
  const at = (value) => (value - low) / (high - low);
  return { low, high, at, ticks: made.ticks.filter((tick) => tick >= low && tick <= high) };
}
