// Numbers, times and names as people read them. Measured numbers are numbers, null (not
// measured), or the strings "NaN", "Infinity" and "-Infinity".

const NONE = "–";

/** Of these, what an axis has a place for. */
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function number(value, digits = 4) {
  if (value === null || value === undefined) return NONE;
  if (typeof value === "string") return value.replace("Infinity", "∞").replace("-", "−");
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? scientific(value) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const raised = (exponent) => [...String(exponent)].map((sign) => SUPERSCRIPTS[sign]).join("");

function scientific(value) {
  const [mantissa, exponent] = value.toExponential(2).split("e");
  const front = Number(mantissa);
  return `${front === 1 ? "" : `${front}·`}10${raised(Number(exponent))}`;
}

export const percent = (value) => (typeof value === "number" ? `${number(100 * value, 3)} %` : number(value));
export const count = (value) => (typeof value === "number" ? value.toLocaleString("en") : number(value));

export function seconds(value) {
  if (typeof value !== "number") return NONE;
  if (value < 1) return `${number(1000 * value, 2)} ms`;
  if (value < 90) return `${number(value, 2)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${number(value / 3600, 2)} h`;
}

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(value, 1)) / 3));
  return `${number(value / 1000 ** step, 3)} ${units[step]}`;
}

export function time(text) {
  if (!text) return NONE;
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function ago(text) {
  const passed = (Date.now() - new Date(text)) / 1000;
  return passed < 5 ? "now" : passed < 86400 ? `${seconds(Math.round(passed))} ago` : time(text);
}

/** snake_case of the API as words. */
export const words = (text) => String(text).replaceAll("_", " ");

/** What a job is called where nobody named it. */
export function jobTitle(job) {
  const { spec } = job;
  return job.name ?? `${spec.dataset.name}, ${spec.optimizer.name} ${number(spec.optimizer.learning_rate)}, seed ${spec.seed}`;
}

/** Four equal layers or more are counted. */
const widths = (hidden) => (hidden.length > 3 && new Set(hidden).size === 1 ? `${hidden.length} layers of ${hidden[0]}` : hidden.join(" × "));

export function network({ network: net, activation }) {
  if (net.kind === "linear") return "linear";
  const convention = activation.derivative_at_zero ?? null;
  const at = convention === null ? "" : `, φ′(0) = ${number(convention)}`;
  const layers = net.kind === "cnn" ? "cnn" : widths(net.hidden);
  return `${layers} ${activation.name}${at}`;
}

/** A job's status for people: a divergence is a finding and has a word of its own. */
export function standing(job) {
  const state = job.outcome === "diverged" ? "diverged" : job.status;
  const asked = job.status === "running" && job.cancel_requested_at ? "cancelling" : null;
  return { state, text: asked ?? [state, job.reason && words(job.reason)].filter(Boolean).join(": ") };
}

/** Any value of a spec. */
export function value(any) {
  if (typeof any === "number") return number(any, 6);
  if (Array.isArray(any) && any.every((one) => typeof one === "number")) return any.length > 3 && new Set(any).size === 1 ? widths(any) : any.map(value).join(", ");
  if (any === null) return "not set";
  return typeof any === "string" ? any : JSON.stringify(any);
}
