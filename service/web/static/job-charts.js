// The curves of a job: which quantity in which chart.

import { LineChart } from "/static/charts.js";
import { h } from "/static/dom.js";
import { count, number, percent } from "/static/format.js";

const share = { include: [0, 1], format: percent };

const OF_EPOCHS = [
  { title: "Loss", lines: [["train_loss", "training"], ["validation_loss", "validation"]] },
  { title: "Metric", note: "accuracy, or R² for regression", lines: [["train_metric", "training"], ["validation_metric", "validation"]] },
  { title: "Distance from the optimum", note: "(loss − optimum) / optimum, log axis", kind: "log", lines: [["optimality_gap", "gap"]], optional: true },
  { title: "Weights' distance from the optimum", kind: "log", lines: [["weight_distance", "distance"]], optional: true },
];

const ratio = (name) => (rows) => rows[name].map((value) => (value === null ? null : value / rows.units));
const column = (name) => (rows) => rows[name];

const OF_LAYERS = [
  { title: "Dead units", note: "no gradient passes for any training example", ...share, value: ratio("dead") },
  { title: "Gradient norm", note: "mean of the epoch's steps, log axis", kind: "log", value: column("grad_norm_mean"), whole: "grad_norm_mean" },
  { title: "Dormant units", note: "hardly active beside the layer's others", ...share, value: ratio("dormant") },
  { title: "Saturated units", note: "|φ′| < 0.001 for 99 % of the examples", ...share, value: ratio("saturated") },
  { title: "Kink hits", note: "pre-activations exactly at a kink, per epoch", format: count, include: [0, 1], value: column("kink_hits"), whole: "loss_kink_hits", wholeName: "the loss's kink" },
  { title: "Update ratio", note: "|step| / |weights|, log axis", kind: "log", value: column("update_ratio"), optional: true },
  { title: "Effective rank", note: "of the layer's representation", include: [0], value: column("effective_rank"), optional: true },
];

export class JobCharts {
  constructor() {
    this.ofEpochs = OF_EPOCHS.map((options) => [options, new LineChart(options)]);
    this.ofLayers = OF_LAYERS.map((options) => [options, new LineChart(options)]);
    const [loss, metric, ...optimum] = this.ofEpochs.map(([, chart]) => chart.element);
    const [dead, norms, ...rest] = this.ofLayers.map(([, chart]) => chart.element);
    this.element = h("div", { class: "charts" }, loss, metric, dead, norms, ...rest, ...optimum);
  }

  /** `job` marks where it diverged. */
  updateEpochs(epochs, job) {
    const last = epochs.lastEpoch;
    const marks = job.outcome === "diverged" && last !== null ? [{ x: last, text: "diverged" }] : [];
    for (const [{ lines, optional }, chart] of this.ofEpochs) {
      const series = lines.map(([name, label]) => epochs.line(name, label)).filter(Boolean);
      chart.element.hidden = Boolean(optional) && series.length === 0;
      chart.update(series, { marks });
    }
  }

  updateLayers(layers, epochs) {
    for (const [{ value, whole, optional, wholeName = "all layers" }, chart] of this.ofLayers) {
      const series = layers.map((rows) => ({ name: `layer ${rows.layer}`, x: rows.epoch, y: value(rows), low: rows.minimum && value(rows.minimum), high: rows.maximum && value(rows.maximum) }));
      const over = whole && epochs.line(whole, wholeName);
      const isNews = over && over.y.some((y) => y !== null && y !== 0);
      const isBare = series.every(({ y }) => y.every((one) => one === null));
      chart.element.hidden = !isNews && (optional ? isBare : series.length === 0);
      chart.update(isNews ? [...series, over] : series);
    }
  }
}

/** The last numbers, large. */
export function vitals(job, summary) {
  const facts = [
    ["Epoch", `${count(summary?.epoch)} of ${count(job.spec.epochs)}`],
    ["Loss", number(summary?.train_loss)],
    ["Validation loss", number(summary?.validation_loss)],
    ["Metric", number(summary?.train_metric)],
    ["Validation metric", number(summary?.validation_metric)],
    ["Dead", percent(summary?.dead_fraction)],
    ["Dormant", percent(summary?.dormant_fraction)],
    ["Saturated", percent(summary?.saturated_fraction)],
    ["Kink hits", count(summary?.kink_hits)],
    ["of them effective", count(summary?.kink_effective)],
  ];
  return facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
}
