// One sweep: progress while it runs, results over any two axes, the jobs behind a cell.

import { call, follow, isPassing, keepLooking, read } from "/static/api.js";
import { h, setTitle, show } from "/static/dom.js";
import { count, jobTitle, number, percent, standing, time, value, words } from "/static/format.js";
import { action, failure } from "/static/notices.js";
import { describeAxis } from "/static/pages/sweeps.js";
import { HeatMap, SweepLines } from "/static/sweep-table.js";
import { api, page } from "/static/urls.js";

const PAGE = 200;
const TABLE_MS = 1000;
const REST = "(summarised)";

export async function open(main, id) {
  show(main, h("p", { class: "soft" }, "Loading…"));
  keepLooking(async () => {
    const view = viewOf(new URLSearchParams(location.search));
    // Without a table the page is built all the same, and asks again.
    const tabulated = view.columns === REST ? null : readTable(id, view).catch(() => null);
    const [sweep, catalog, table] = await Promise.all([read(api.sweep(id)), read(api.catalog), tabulated]);
    await new SweepPage(main, sweep, catalog, view).start(table);
    return null;
  }, (error) => show(main, failure(error)));
}

const viewOf = (given) => ({ quantity: given.get("quantity") ?? "validation_metric", rows: given.get("rows"), columns: given.get("columns"), as: given.get("as") ?? "heat" });

/** The table of a view. Only one whose columns are summarised needs to know the axes. */
function readTable(id, { quantity, rows, columns }, axes = []) {
  if (columns !== REST) return read(api.sweepTable(id, { quantity, rows, columns }));
  const shown = rows ?? axes[0];
  return read(api.sweepTable(id, { quantity, rows: shown, over: axes.filter((axis) => axis !== shown).join(",") }));
}

/** Whether the spec has this value; an object matches one that has more (defaults filled in). */
function matches(wanted, actual) {
  if (wanted === null || typeof wanted !== "object") return wanted === (actual ?? null);
  if (actual === null || typeof actual !== "object") return false;
  return Object.entries(wanted).every(([name, one]) => matches(one, actual[name]));
}

const at = (spec, path) => path.split(".").reduce((inner, name) => inner?.[name], spec);

class SweepPage {
  constructor(main, sweep, catalog, view) {
    this.sweep = sweep;
    this.axes = Object.keys(sweep.axes);
    this.view = view;
    this.heat = new HeatMap((cell) => this.#choose(cell));
    this.lines = new SweepLines();
    this.head = h("div", { class: "head" });
    this.standing = h("div", { class: "toolbar" });
    this.place = h("div", {});
    this.jobs = h("section", { "aria-label": "Jobs of the cell", "aria-live": "polite" });
    this.quantities = catalog.epoch_quantities.filter(({ name }) => name !== "epoch");
    this.controls = h("div", { class: "toolbar" });
    show(main, h("div", { class: "stack" }, h("div", {}, this.head, this.standing), this.#axesCard(), this.controls, this.place, this.jobs));
  }

  async start(table) {
    const { sweep } = this;
    setTitle(sweep.name ?? "Sweep");
    this.#showStanding(sweep);
    if (table) this.#showTable(table);
    else await this.#loadTable();
    if (sweep.finished_at) return;
    follow(api.sweepEvents(sweep.id), {
      progress: (progress) => {
        this.#showStanding({ ...this.sweep, ...progress });
        this.timer ??= setTimeout(async () => {
          await this.#loadTable().catch(() => {}); // the stream tells of a lost connection
          this.timer = null;
        }, TABLE_MS);
      },
      end: (ended) => {
        clearTimeout(this.timer);
        this.members = null;
        this.#showStanding(ended);
        keepLooking(() => this.#loadTable().then(() => null));
      },
    });
  }

  #showStanding(sweep) {
    this.sweep = sweep;
    const { counts, diverged } = sweep;
    const some = Object.entries(counts).filter(([, many]) => many > 0).map(([name, many]) => `${count(many)} ${name}`);
    show(this.head, h("h1", {}, sweep.name ?? "Sweep", " ", h("small", {}, `${count(sweep.members)} jobs`)), h("span", { class: `status ${sweep.status}`, role: "status" }, sweep.status));
    const act = (url) => async () => {
      await call(url, { method: "POST" });
      location.reload();
    };
    show(this.standing,
      h("progress", { max: 1, value: sweep.progress, "aria-label": "Progress of the sweep" }),
      h("span", {}, `${percent(sweep.progress)}: ${some.join(", ")}${diverged ? `, of them ${count(diverged)} diverged` : ""}`),
      counts.queued + counts.running > 0 && action("Cancel", act(api.cancelSweep(sweep.id)), { kind: "danger" }),
      counts.failed + counts.cancelled > 0 && action("Retry failed and cancelled", act(api.retrySweep(sweep.id))),
      h("a", { class: "button", href: page.jobs({ sweep_id: sweep.id }) }, "All its jobs"));
  }

  #axesCard() {
    const rows = Object.entries(this.sweep.axes).map(([path, axis]) => [h("dt", {}, h("code", {}, path)), h("dd", {}, describeAxis(axis))]);
    return h("details", { class: "card" },
      h("summary", {}, `Axes (${this.sweep.mode}) and base spec`),
      h("dl", { class: "facts" }, rows, h("dt", {}, "Submitted"), h("dd", {}, time(this.sweep.created_at))),
      h("pre", { tabindex: 0 }, JSON.stringify(this.sweep.base, null, 2)));
  }

  #showControls(table) {
    const [rows, columns] = [table.rows.axes.join(","), table.columns.axes.join(",")];
    const options = (now) => [...new Set([now, ...this.axes].filter(Boolean))];
    const pick = (name, label, values, now, textOf = (one) => one) => h("label", {}, `${label} `,
      h("select", { name, onchange: (event) => this.#change(name, event.target.value) }, values.map((one) => h("option", { value: one, selected: one === now }, textOf(one)))));
    const key = JSON.stringify(this.view) + rows + columns;
    if (key === this.controlsFor) return;
    this.controlsFor = key;
    const meaning = this.quantities.find(({ name }) => name === table.quantity)?.meaning;
    const ways = [["heat", "Heat map"], ["lines", "Lines"]].map(([as, text]) => h("button", { type: "button", "aria-pressed": String(this.view.as === as), onclick: () => this.#change("as", as) }, text));
    show(this.controls,
      pick("quantity", "Show", this.quantities.map(({ name }) => name), table.quantity, words),
      pick("rows", "rows", options(rows), rows), pick("columns", "columns", [...options(columns), REST], columns || REST), ways,
      h("small", { class: "whole" }, `${meaning}; mean${table.over.length ? ` over ${table.over.join(", ")}` : ""} and 95 % interval.`));
  }

  #change(name, wanted) {
    const other = { rows: "columns", columns: "rows" }[name];
    // The two sides change places rather than stand on one axis.
    if (other && wanted === (this.view[other] ?? this.shown?.[other])) this.view[other] = this.view[name] ?? this.shown?.[name];
    this.view[name] = wanted;
    this.heat.mark(null);
    this.choice = null;
    show(this.jobs);
    history.replaceState(null, "", page.sweep(this.sweep.id, this.view));
    keepLooking(async () => {
      await this.#loadTable();
      this.controls.querySelector(`[name="${name}"]`)?.focus();
      return null;
    });
  }

  async #loadTable() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const table = await readTable(this.sweep.id, this.view, this.axes);
      if (turn === this.turn) this.#showTable(table);
    } catch (error) {
      if (isPassing(error)) throw error;
      show(this.place, failure(error));
    }
  }

  #showTable(table) {
    this.table = table;
    this.shown = { rows: table.rows.axes.join(","), columns: table.columns.axes.join(",") };
    this.#showControls(table);
    const drawn = this.view.as === "lines" ? this.lines : this.heat;
    if (this.place.firstChild !== drawn.element) show(this.place, drawn.element);
    drawn.update(table);
  }

  #choose(cell) {
    this.heat.mark(cell);
    const { rows, columns } = this.table;
    const wanted = [...rows.axes.map((axis, i) => [axis, rows.values[cell[0]][i]]), ...columns.axes.map((axis, i) => [axis, columns.values[cell[1]][i]])];
    const mine = (this.choice = cell);
    show(this.jobs, h("p", { class: "soft" }, "Loading its jobs…"));
    keepLooking(async () => {
      this.members ??= this.#loadMembers();
      const members = await this.members.catch((error) => {
        this.members = null;
        throw error;
      });
      const found = members.filter(({ spec }) => wanted.every(([axis, one]) => matches(one, at(spec, axis))));
      if (mine === this.choice) show(this.jobs, this.#cellJobs(wanted, found));
      if (!this.sweep.finished_at) this.members = null; // they change
      return null;
    }, (error) => mine === this.choice && show(this.jobs, failure(error)));
  }

  async #loadMembers() {
    const jobs = [];
    let cursor = null;
    do {
      const answer = await read(api.jobs({ sweep_id: this.sweep.id, limit: PAGE, cursor }));
      jobs.push(...answer.data);
      cursor = answer.next_cursor;
    } while (cursor);
    return jobs.reverse();
  }

  #cellJobs(wanted, jobs) {
    const names = ["Job", "Status", "Loss", "Validation metric", "Dead"];
    const row = (job) => {
      const { state, text } = standing(job);
      const cells = [h("a", { href: page.job(job.id) }, jobTitle(job)), h("span", { class: `status ${state}` }, text), number(job.summary?.train_loss), number(job.summary?.validation_metric), percent(job.summary?.dead_fraction)];
      return h("tr", {}, cells.map((cell, i) => h("td", { class: i > 1 ? "number" : i ? null : "across", "data-label": i ? names[i] : null }, cell)));
    };
    const heads = names.map((text, i) => h("th", { scope: "col", class: i > 1 ? "number" : null }, text));
    return h("div", { class: "card" },
      h("div", { class: "head" }, h("h2", {}, wanted.map(([axis, one]) => `${axis} = ${value(one)}`).join(", ") || "All jobs"),
        jobs.length > 1 && h("a", { class: "button", href: page.compare(jobs.slice(0, 10).map(({ id }) => id)) }, `Compare ${Math.min(10, jobs.length)}`)),
      h("div", { class: "scroll" }, h("table", { class: "stacking" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, jobs.map(row)))));
  }
}
