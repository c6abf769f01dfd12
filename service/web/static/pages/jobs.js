// The jobs: newest first, filtered by the address, fresh while they are looked at.

import { keepLooking, read } from "/static/api.js";
import { h, setTitle, show } from "/static/dom.js";
import { ago, count, jobTitle, network, number, percent, standing, time } from "/static/format.js";
import { empty, failure } from "/static/notices.js";
import { sparkline } from "/static/sparkline.js";
import { api, page } from "/static/urls.js";

const LIMIT = 25;
const MOST_COMPARED = 10;
const SPARKS_AT_A_TIME = 4;
const FILTERS = ["status", "outcome", "activation", "name", "sweep_id"];
const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];
const COLUMNS = ["Compare", "Job", "Network", "Status", "Progress", "Loss", "Metric", "Dead", "Kink hits"];
const HINTS = {
  Metric: "Accuracy or R², on the training part",
  Dead: "Hidden units through which no gradient passes for any training example",
  "Kink hits": "Pre-activations exactly at a kink, last epoch",
};

const sparks = new Map();

/** Loss and dead fraction in few points; read again when the job has come further. */
async function sparksOf(job) {
  const known = sparks.get(job.id);
  const epoch = job.summary?.epoch ?? -1;
  const key = `${job.attempt} ${epoch}`;
  if (epoch < 1 || known?.key === key) return known;
  const { columns } = await read(api.epochs(job.id, { max_points: 40, columns: "epoch,train_loss,dead_fraction" }));
  const made = { key, loss: columns.train_loss, dead: columns.dead_fraction };
  sparks.set(job.id, made);
  return made;
}

function withSpark(text, values, options) {
  return [h("span", {}, text), values ? sparkline(values, options) : h("span", { class: "spark" })];
}

class Row {
  constructor(chosen) {
    this.box = h("input", { type: "checkbox", onchange: () => chosen(this.job, this.box.checked) });
    this.cells = COLUMNS.map((label, i) => h("td", { "data-label": label, class: i > 4 ? "number" : null }));
    this.element = h("tr", {}, this.cells);
    this.cells[0].append(this.box);
  }

  update(job) {
    this.job = job;
    const text = JSON.stringify([job.status, job.outcome, job.progress, job.summary, job.cancel_requested_at, job.attempt]);
    if (text === this.text) return;
    this.text = text;
    const { state, text: says } = standing(job);
    const title = jobTitle(job);
    const spark = sparks.get(job.id);
    const { summary } = job;
    this.box.setAttribute("aria-label", `Compare ${title}`);
    const contents = [
      [h("a", { href: page.job(job.id) }, title), h("small", { title: time(job.created_at) }, ago(job.created_at))],
      network(job.spec),
      h("span", { class: `status ${state}`, title: job.detail }, says),
      h("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${title}`, title: percent(job.progress) }),
      withSpark(number(summary?.train_loss), spark?.loss, { label: `Loss of ${title}` }),
      number(summary?.train_metric),
      withSpark(percent(summary?.dead_fraction), spark?.dead, { label: `Dead fraction of ${title}`, fixed: [0, 1] }),
      count(summary?.kink_hits),
    ];
    contents.forEach((content, i) => show(this.cells[i + 1], [content]));
  }
}

class JobTable {
  constructor() {
    this.rows = new Map();
    this.chosen = new Map();
    this.body = h("tbody");
    const heads = COLUMNS.map((label, i) => h("th", { scope: "col", class: i > 4 ? "number" : null },
      i ? h("abbr", { title: HINTS[label] }, label) : h("span", { class: "unseen" }, label)));
    const table = h("table", { class: "jobs" }, h("caption", { class: "unseen" }, "Jobs, newest first"), h("thead", {}, h("tr", {}, heads)), this.body);
    this.element = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Jobs" }, table);
    this.compare = h("a", { class: "button", hidden: true }, "Compare");
  }

  update(jobs) {
    const kept = new Map(jobs.map((job) => [job.id, this.rows.get(job.id) ?? new Row((one, on) => this.#choose(one, on))]));
    jobs.forEach((job) => kept.get(job.id).update(job));
    const elements = [...kept.values()].map((row) => row.element);
    if (elements.some((element, i) => this.body.children[i] !== element) || this.body.children.length !== elements.length) show(this.body, elements);
    this.rows = kept;
  }

  #choose(job, on) {
    if (on) this.chosen.set(job.id, job);
    else this.chosen.delete(job.id);
    this.compare.hidden = this.chosen.size < 2;
    this.compare.textContent = `Compare ${Math.min(MOST_COMPARED, this.chosen.size)} jobs`;
    this.compare.setAttribute("href", page.compare([...this.chosen.keys()].slice(0, MOST_COMPARED)));
  }

  /** Some at a time: a browser has six connections, and a click needs one. */
  async loadSparks(jobs) {
    const waiting = [...jobs];
    const work = async () => {
      for (let job = waiting.shift(); job; job = waiting.shift()) await this.#loadSpark(job);
    };
    await Promise.all(Array.from({ length: SPARKS_AT_A_TIME }, work));
  }

  async #loadSpark(job) {
    const before = sparks.get(job.id)?.key;
    const made = await sparksOf(job).catch(() => null); // the next look asks again, or knows the job no more
    const row = this.rows.get(job.id);
    if (!row || !made || made.key === before) return;
    row.text = null;
    row.update(job);
  }
}

/** The filters, which live in the address: a link to this page is a link to what it shows. */
function filterBar(values, activations, change) {
  const pick = (name, options) => h("label", {}, `${name[0].toUpperCase()}${name.slice(1)} `,
    h("select", { name, onchange: (event) => change(name, event.target.value) },
      h("option", { value: "" }, "any"),
      options.map((option) => h("option", { value: option, selected: values.get(name) === option }, option.replaceAll("_", " ")))));
  const name = h("input", { name: "name", type: "search", value: values.get("name") ?? "", placeholder: "the whole name", maxlength: 200,
    onchange: (event) => change("name", event.target.value.trim()) });
  const sweep = values.get("sweep_id");
  return h("form", { class: "filters", role: "search", "aria-label": "Filter jobs", onsubmit: (event) => {
    event.preventDefault();
    change("name", name.value.trim());
  } },
    pick("status", STATUSES), pick("outcome", ["completed", "diverged"]), pick("activation", activations), h("label", {}, "Exact name ", name),
    sweep && h("span", { class: "tag" }, "of ", h("a", { href: page.sweep(sweep) }, "one sweep"), " ",
      h("button", { type: "button", class: "plain", "aria-label": "Show jobs of every sweep", onclick: () => change("sweep_id", "") }, "✕")));
}

export async function open(main) {
  setTitle("Jobs");
  const values = new URLSearchParams(location.search);
  const go = (changes) => {
    for (const [name, value] of Object.entries(changes)) value ? values.set(name, value) : values.delete(name);
    location.assign(page.jobs(Object.fromEntries(values)));
  };
  const table = new JobTable();
  const place = h("div", {}, h("p", { class: "soft" }, "Loading…"));
  const pager = h("nav", { class: "pager", "aria-label": "Pages of jobs" });
  const filters = h("div", { class: "filters-place" });
  show(main, h("div", { class: "head" }, h("h1", {}, "Jobs"), table.compare, h("a", { class: "button strong", href: page.newJob() }, "New job")), filters, place, pager);

  keepLooking(async () => {
    const { activations } = await read(api.catalog);
    show(filters, filterBar(values, activations.map((one) => one.name), (name, value) => go({ [name]: value, cursor: "" })));
    return null;
  });

  const wanted = Object.fromEntries([...FILTERS, "cursor"].map((name) => [name, values.get(name)]));
  const isFiltered = FILTERS.some((name) => values.get(name));
  keepLooking(async () => {
    const { data, next_cursor: next } = await read(api.jobs({ ...wanted, limit: LIMIT }));
    table.update(data);
    show(place, data.length ? table.element : nothing(isFiltered));
    show(pager,
      values.get("cursor") && h("a", { href: page.jobs({ ...Object.fromEntries(values), cursor: "" }), rel: "first" }, "« Newest"),
      next && h("a", { href: page.jobs({ ...Object.fromEntries(values), cursor: next }), rel: "next" }, "Older »"));
    await table.loadSparks(data);
    return data.some((job) => !job.finished_at) ? 1000 : 2500;
  }, (error) => show(place, failure(error)));
}

function nothing(isFiltered) {
  return isFiltered
    ? empty("No job matches", "Loosen the filters, or ", h("a", { href: page.jobs() }, "show all jobs"), ". A name must match exactly.")
    : empty("No jobs yet", h("a", { href: page.newJob() }, "Submit the first one"), ": the form starts with an example that trains in seconds.");
}
