// What a job measured, as charts want it: columns that grow while the job runs.

import { read } from "/static/api.js";
import { api } from "/static/urls.js";

// A chart is some 400 pixels wide.
const MOST_POINTS = 400;
const LAYER_POINTS = 200; // of several layers a chart, with bands around them
// What job-charts.js shows. Of long series the service looks for every column's extremes.
const OF_EPOCHS = "epoch,train_loss,validation_loss,train_metric,validation_metric,grad_norm_mean,dead_fraction,dormant_fraction,saturated_fraction,kink_hits,kink_effective,loss_kink_hits,optimality_gap,weight_distance";
const OF_LAYERS = "epoch,layer,units,dead,dormant,saturated,kink_hits,grad_norm_mean,update_ratio,effective_rank";

/** The smaller (`sign` -1) or larger (1) of two measured values: null was not measured, and a NaN stays. */
function extreme(sign, one, other) {
  if (one === null || other === null) return one ?? other;
  if (one === "NaN" || other === "NaN") return "NaN";
  return sign * (Number(one) - Number(other)) > 0 ? one : other;
}

/** Half as many entries: of each two what `join` makes of them; an odd one at the end stays. */
function halved(column, join) {
  return Array.from({ length: Math.ceil(column.length / 2) }, (_, i) => (2 * i + 1 < column.length ? join(column[2 * i], column[2 * i + 1]) : column[2 * i]));
}

const mapped = (columns, change) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, change(column)]));

/** The epochs of a job: `load` reads what there is in few points with their extremes, `push` adds an
 * epoch. There are never many more than MOST_POINTS, so drawing costs the same however long a job runs. */
export class EpochColumns {
  columns = { epoch: [] };
  minimum = null;
  maximum = null;

  async load(job) {
    const { columns, minimum = null, maximum = null } = await read(api.epochs(job, { max_points: MOST_POINTS, columns: OF_EPOCHS }));
    Object.assign(this, { columns, minimum, maximum });
  }

  /** A row of the event stream. A new attempt may begin again, so what came later is dropped. */
  push(row) {
    const { columns } = this;
    let length = columns.epoch.length;
    while (length && columns.epoch[length - 1] >= row.epoch) length -= 1;
    for (const part of [columns, this.minimum, this.maximum].filter(Boolean)) {
      for (const [name, value] of Object.entries(row)) {
        const column = (part[name] ??= Array(length).fill(null));
        column.length = length;
        column.push(value);
      }
    }
    if (columns.epoch.length > 2 * MOST_POINTS) this.#halve();
  }

  #halve() {
    this.minimum = mapped(this.minimum ?? this.columns, (column) => halved(column, (one, other) => extreme(-1, one, other)));
    this.maximum = mapped(this.maximum ?? this.columns, (column) => halved(column, (one, other) => extreme(1, one, other)));
    this.columns = mapped(this.columns, (column) => halved(column, (_, later) => later));
  }

  get lastEpoch() {
    return this.columns.epoch.at(-1) ?? null;
  }

  /** The id of the event after which the stream has what is not here: all status changes, and later epochs. */
  get position() {
    return this.lastEpoch === null ? "" : `0-${this.lastEpoch}`;
  }

  /** For a chart; null where nothing of it was measured. */
  line(name, label) {
    const y = this.columns[name] ?? [];
    if (!y.some((value) => value !== null)) return null;
    return { name: label, x: this.columns.epoch, y, low: this.minimum?.[name], high: this.maximum?.[name] };
  }
}

/** Rows by layer: [{layer, units, epoch: […], dead: […], …, minimum, maximum}], where the last two hold
 * such columns too, of few points of many epochs; else they are null. */
export async function loadLayers(job) {
  const { columns, minimum = null, maximum = null } = await read(api.layers(job, { max_points: LAYER_POINTS, columns: OF_LAYERS }));
  const places = Map.groupBy(columns.layer.keys(), (at) => columns.layer[at]);
  return [...places].map(([layer, all]) => {
    const units = columns.units[all[0]];
    const part = (of) => of && { ...mapped(of, (column) => all.map((at) => column[at])), units };
    return { ...part(columns), layer, minimum: part(minimum), maximum: part(maximum) };
  });
}

export const loadUnits = (job, layer) => read(api.units(job, { layer, max_points: 200 }));
