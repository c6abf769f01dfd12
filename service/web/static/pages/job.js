// One job, live while it runs: curves, unit map, spec, environment, history.

import { call, download, follow, isPassing, keepLooking, read } from "/static/api.js";
import { UnitMap } from "/static/charts.js";
import { h, setTitle, show } from "/static/dom.js";
import { ago, jobTitle, network, number, percent, seconds, standing, time } from "/static/format.js";
import { JobCharts, vitals } from "/static/job-charts.js";
import { action, failure } from "/static/notices.js";
import { EpochColumns, loadLayers, loadUnits } from "/static/series.js";
import { api, page } from "/static/urls.js";

const DETAIL_MS = 1200;
const DETAIL_SHARE = 4;
/** What the service writes a series as. Without pyarrow it says so when Parquet is asked for. */
const FORMS = {
  CSV: ["text/csv", "csv"],
  Parquet: ["application/vnd.apache.parquet", "parquet"],
  JSON: ["application/json", "json"],
};

export async function open(main, id) {
  show(main, h("p", { class: "soft" }, "Loading…"));
  keepLooking(async () => {
    const epochs = new EpochColumns();
    const layers = loadLayers(id); // of a long job it takes longest: nothing else waits for it
    layers.catch(() => {}); // whoever shows them tells
    const [job] = await Promise.all([read(api.job(id)), epochs.load(id)]);
    await new JobPage(main, job, epochs).start(layers);
    return null;
  }, (error) => show(main, failure(error)));
}

class JobPage {
  constructor(main, job, epochs) {
    this.job = job;
    this.epochs = epochs;
    this.charts = new JobCharts();
    this.head = h("div", { class: "head" });
    this.tools = h("div", { class: "toolbar" });
    this.vitals = h("dl", { class: "card vitals" });
    this.notes = h("div", {});
    this.facts = h("div", { class: "two" });
    this.map = new UnitMap();
    show(main, h("div", { class: "stack" },
      h("div", {}, this.head, this.tools), this.notes, this.vitals, this.charts.element, this.#mapCard(), this.facts));
  }

  #mapCard() {
    const layers = this.#depth();
    this.layer = h("select", { onchange: () => {
      this.chosen = true;
      this.#loadDetail();
    } }, Array.from({ length: layers }, (_, i) => h("option", { value: i }, `layer ${i}`)));
    return (this.mapCard = h("section", { class: "card", hidden: true, "aria-label": "Unit map" },
      h("div", { class: "head" }, h("h2", {}, "Unit map"), layers > 1 && h("label", { class: "soft" }, "Show ", this.layer)),
      this.map.element,
      h("ul", { class: "key" }, h("li", { class: "bright" }, "active (mean |h|, square root scale)"), h("li", { class: "dark" }, "dead"), h("li", { class: "died" }, "died"), h("li", { class: "revived" }, "revived"), h("li", { class: "unknown" }, "not finite"))));
  }

  #depth() {
    const net = this.job.spec.network;
    return net.kind === "linear" ? 0 : net.hidden.length + (net.channels?.length ?? 0);
  }

  async start(layers) {
    setTitle(jobTitle(this.job));
    this.#showJob();
    this.#drawEpochs();
    const detail = layers.then((rows) => this.#showDetail(rows)).catch((error) => {
      if (!isPassing(error)) this.notes.append(failure(error));
      // Of a job that has ended nothing more comes that would bring them: the page begins again.
      else if (this.job.finished_at) throw error;
    });
    if (this.job.finished_at) return void (await detail);
    follow(api.jobEvents(this.job.id), {
      epoch: (row) => {
        this.epochs.push(row);
        this.#soon();
      },
      status: async () => {
        // Where it fails, the stream tells of a lost connection, and its next event looks again.
        const job = await read(api.job(this.job.id)).catch(() => null);
        if (job) this.#take(job);
      },
      end: (job) => {
        this.#take(job);
        this.#drawEpochs();
        keepLooking(() => this.#loadDetail().then(() => null), (error) => this.notes.append(failure(error)));
      },
    }, this.epochs.position);
  }

  #take(job) {
    this.job = job;
    this.#showJob();
  }

  /** Many epochs may come within one frame; layers and units are asked for less often. */
  #soon() {
    if (!this.drawing) {
      this.drawing = true;
      requestAnimationFrame(() => { this.drawing = false; this.#drawEpochs(); });
    }
    this.detailTimer ??= setTimeout(async () => {
      const asked = performance.now();
      await this.#loadDetail().catch(() => {}); // the stream tells of a lost connection
      // What costs the service long is asked for seldom.
      this.detailMs = Math.max(DETAIL_MS, DETAIL_SHARE * (performance.now() - asked));
      this.detailTimer = null;
    }, this.detailMs ?? DETAIL_MS);
  }

  #drawEpochs() {
    const { columns } = this.epochs;
    const summary = columns.epoch.length ? Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.at(-1)])) : this.job.summary;
    show(this.vitals, vitals(this.job, summary));
    this.charts.updateEpochs(this.epochs, this.job);
    if (this.bar && !this.job.finished_at && summary) this.bar.value = summary.epoch / Math.max(1, this.job.spec.epochs);
  }

  async #loadDetail() {
    await this.#showDetail(await loadLayers(this.job.id));
  }

  async #showDetail(layers) {
    this.charts.updateLayers(layers, this.epochs);
    if (!layers.length || !this.job.spec.probes.unit_activity) return;
    if (!this.chosen) {
      // The layer in which most units are dead is the one to look at first.
      const deaths = layers.map(({ dead }) => dead.at(-1) ?? 0);
      this.layer.value = deaths.indexOf(Math.max(...deaths));
    }
    const units = await loadUnits(this.job.id, this.layer.value || 0);
    if (!units.epochs.length) return;
    this.mapCard.hidden = false;
    this.map.update(units);
  }

  #showJob() {
    const { job } = this;
    const { state, text } = standing(job);
    this.bar = h("progress", { max: 1, value: job.progress, "aria-label": "Progress", hidden: Boolean(job.finished_at) });
    show(this.head, h("h1", {}, jobTitle(job), " ", h("small", {}, network(job.spec))), h("span", { class: `status ${state}`, role: "status" }, text), this.bar);
    show(this.tools, this.#actions());
    show(this.notes, this.#notes());
    show(this.vitals, vitals(job, job.summary));
    if (this.factsFor !== `${job.status} ${job.attempt}`) {
      this.factsFor = `${job.status} ${job.attempt}`;
      show(this.facts, this.#facts());
    }
  }

  #actions() {
    const { job } = this;
    return [
      !job.finished_at && action("Cancel", async () => this.#take(await call(api.cancelJob(job.id), { method: "POST" })), { kind: "danger" }),
      ["failed", "cancelled"].includes(job.status) && action("Retry", async () => {
        await call(api.retryJob(job.id), { method: "POST" });
        location.reload();
      }, { kind: "strong" }),
      h("a", { class: "button", href: page.newJob({ from: job.id }) }, "Clone with changes"),
      job.sweep_id && h("a", { class: "button", href: page.sweep(job.sweep_id) }, "Its sweep"),
      job.summary && this.#seriesExports(),
      job.status === "succeeded" && action("Weights", () => download(api.weights(job.id), "*/*", `${job.id}.safetensors`)),
    ];
  }

  /** The form stays chosen while the job goes on, so its list is made once. */
  #seriesExports() {
    const { id } = this.job;
    this.form ??= h("select", {}, Object.keys(FORMS).map((name) => h("option", {}, name)));
    const save = (what, url) => action(what, () => {
      const [type, ending] = FORMS[this.form.value];
      return download(url, type, `${id}-${what.toLowerCase()}.${ending}`);
    });
    return h("span", { class: "action", role: "group", "aria-label": "Export" },
      h("label", {}, "Export as ", this.form), save("Epochs", api.epochs(id)), save("Layers", api.layers(id)));
  }

  #notes() {
    const { job } = this;
    return [
      job.status === "queued" && h("p", { class: "soft" }, "Waiting for a worker. If this lasts, see whether one runs: /readyz tells."),
      job.outcome === "diverged" && h("p", {}, `Diverged at step ${job.diverged_at_step}: a number was no longer finite. That is a finding, not a failure. To go on from here, clone it with a smaller learning rate.`),
      job.detail && h("p", { class: "soft" }, job.detail),
      job.warnings.length > 0 && h("ul", { class: "warnings" }, job.warnings.map((one) => h("li", {}, one.detail, " ", h("code", {}, one.pointer)))),
    ];
  }

  #facts() {
    const { job } = this;
    const row = ([name, text]) => text !== null && text !== undefined && [h("dt", {}, name), h("dd", {}, text)];
    const took = job.started_at && job.finished_at ? seconds((new Date(job.finished_at) - new Date(job.started_at)) / 1000) : null;
    const environment = Object.entries(job.environment ?? {}).map(([name, text]) => [name.replaceAll("_", " "), String(text)]);
    return [
      h("section", { class: "card", "aria-label": "Spec" }, h("details", { open: true }, h("summary", {}, "Spec"), h("pre", { tabindex: 0 }, JSON.stringify(job.spec, null, 2)))),
      h("div", { class: "stack" },
        h("section", { class: "card" }, h("h2", {}, "Run"), h("dl", { class: "facts" },
          [["Id", job.id], ["Submitted", `${time(job.created_at)} (${ago(job.created_at)})`], ["Started", job.started_at && time(job.started_at)], ["Ended", job.finished_at && time(job.finished_at)], ["Took", took],
            ["Attempts", String(job.attempt)], ["Priority", String(job.priority)], ["Progress", percent(job.progress)], ["Rate", number(job.spec.optimizer.learning_rate)]].map(row))),
        environment.length > 0 && h("section", { class: "card" }, h("h2", {}, "Environment"), h("dl", { class: "facts" }, environment.map(row))),
        this.#history()),
    ];
  }

  /** Its moves from state to state, read from the stream when somebody asks. */
  #history() {
    const list = h("ol", {});
    const details = h("details", { class: "card", ontoggle: () => {
      if (!details.open) return;
      show(list);
      // All moves, and none of the epochs that are here already.
      const close = follow(api.jobEvents(this.job.id), {
        status: (change) => list.append(h("li", {}, `${change.status}${change.reason ? `: ${change.reason}` : ""} `, h("small", {}, `attempt ${change.attempt}, ${time(change.at)}`))),
        end: () => {},
      }, this.epochs.position);
      details.addEventListener("toggle", close, { once: true });
    } }, h("summary", {}, "History"), list);
    return details;
  }
}
