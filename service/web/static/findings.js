// Findings in words and digits, as the service's own reports have them.

import { h } from "/static/dom.js";
import { count, number } from "/static/format.js";
import { page } from "/static/urls.js";

export const verdict = (name) => h("span", { class: `verdict ${name}` }, name);

/** The number, its interval, and over how many seeds. */
export function estimate(of) {
  if (of.kind === "theory") return `${number(of.value)} (theory)`;
  if (of.kind === "total") return `${number(of.value)} (sum of ${of.n})`;
  const between = of.interval ? ` [${number(of.interval.low)}, ${number(of.interval.high)}]` : "";
  return `${number(of.value)}${between} (${seeds(of)})`;
}

function seeds(of) {
  const lost = Object.entries(of.excluded).map(([reason, many]) => `${many} ${reason}`);
  return [`n = ${of.n}`, lost.length && `without ${lost.join(", ")}`].filter(Boolean).join("; ");
}

/** Where the statement says that the quantity lies. */
export function region({ above, below }) {
  if (above !== null && below !== null) return `between ${number(above)} and ${number(below)}`;
  return below === null ? `above ${number(above)}` : `below ${number(below)}`;
}

export function decision(statement) {
  const adjusted = statement.p === null ? "" : `p = ${number(statement.p, 2)} after Holm`;
  if (statement.verdict !== "inconclusive") return adjusted;
  const needed = statement.seeds_needed === null ? "too near the border for any number of seeds" : `about ${count(statement.seeds_needed)} more seeds would decide`;
  return [adjusted, needed].filter(Boolean).join("; ");
}

/** The jobs behind a number: those of its sweeps, or the jobs themselves. */
export function links(evidence, name) {
  const group = name && evidence[name];
  if (!group) return null;
  const { sweeps, jobs } = group;
  if (sweeps.length) return sweeps.map((id, at) => [" ", h("a", { href: page.sweep(id), title: name }, sweeps.length > 1 ? `sweep ${at + 1}` : "sweep")]);
  return jobs.slice(0, 3).map((id) => [" ", h("a", { href: page.job(id), title: name }, "job")]);
}
