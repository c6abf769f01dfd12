// What a job measured, as charts want it: columns that grow while the job runs.

import { read } from "/static/api.js";
import { api } from "/static/urls.js";

const MOST_POINTS = 800;
const LAYER_POINTS = 400;

/** The epochs of a job. Filled by `load` (few points, extremes kept) or by `push` (every epoch). */
export class EpochColumns {
  columns = { epoch: [] };
  minimum = null;
  maximum = null;

  async load(job) {
    const { columns, minimum = null, maximum = null } = await read(api.epochs(job, { max_points: MOST_POINTS }));
    Object.assign(this, { columns, minimum, maximum });
  }

  /** A row of the event stream. A new attempt may begin again, so what came later is dropped. */
  push(row) {
    const { columns } = this;
    let length = columns.epoch.length;
    while (length && columns.epoch[length - 1] >= row.epoch) length -= 1;
    for (const [name, value] of Object.entries(row)) {
      const column = (columns[name] ??= []);
      column.length = length;
      column.push(value);
    }
  }

  get lastEpoch() {
    return this.columns.epoch.at(-1) ?? null;
  }

  /** For a chart; null where nothing of it was measured. */
  line(name, label) {
    const y = this.columns[name] ?? [];
    if (!y.some((value) => value !== null)) return null;
    return { name: label, x: this.columns.epoch, y, low: this.minimum?.[name], high: this.maximum?.[name] };
  }
}

/** Rows by layer: [{layer, units, epoch: […], dead: […], …}]. */
export async function loadLayers(job) {
  const { columns } = await read(api.layers(job, { max_points: LAYER_POINTS }));
  const layers = new Map();
  columns.layer.forEach((layer, at) => {
    if (!layers.has(layer)) layers.set(layer, Object.fromEntries(Object.keys(columns).map((name) => [name, []])));
    const rows = layers.get(layer);
    for (const [name, column] of Object.entries(columns)) rows[name].push(column[at]);
  });
  return [...layers.values()].map((rows) => ({ ...rows, layer: rows.layer[0], units: rows.units[0] }));
}

export const loadUnits = (job, layer) => read(api.units(job, { layer, max_points: 200 }));
