// A new job: the form, the activation, the plan from a dry run, the spec to copy.

import { call, isPassing, keepLooking, Problem, read, tellConnection } from "/static/api.js";
import { ActivationPlot } from "/static/charts.js";
import { h, setTitle, show } from "/static/dom.js";
import { Exports } from "/static/form/exports.js";
import { SpecForm } from "/static/form/spec-form.js";
import { bytes, count, jobTitle, number, seconds } from "/static/format.js";
import { failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const EXAMPLE = {
  dataset: { name: "digits" },
  network: { kind: "mlp", hidden: [128, 128] },
  activation: { name: "relu" },
  loss: { name: "cross_entropy" },
  optimizer: { name: "adam", learning_rate: 0.03 },
};
const QUIET_MS = 250;
const AGAIN_MS = 2000;
const MOST_UPLOADS = 200;

/** What the form starts from: the job to clone, a job on uploaded data, or the example. */
function startingSpec({ original, dataset, uploads }) {
  if (original) return original.spec;
  if (!dataset) return EXAMPLE;
  const task = uploads.find(({ id }) => id === dataset)?.task;
  return { ...EXAMPLE, dataset: { name: "upload", dataset_id: dataset }, loss: { name: task === "regression" ? "mse" : "cross_entropy" } };
}

export async function open(main) {
  setTitle("New job");
  show(main, h("p", { class: "soft" }, "Loading…"));
  keepLooking(async () => {
    const asked = new URLSearchParams(location.search);
    const from = asked.get("from");
    const [catalog, uploads, original] = await Promise.all([read(api.catalog), read(api.datasets({ limit: MOST_UPLOADS })), from && read(api.job(from))]);
    build(main, { catalog, uploads: uploads.data, original, dataset: asked.get("dataset") });
    return null;
  }, (error) => show(main, failure(error)));
}

function build(main, { catalog, uploads, original, dataset }) {
  const plot = new ActivationPlot();
  const plan = new Plan();
  const exports_ = new Exports();
  const submit = h("button", { type: "submit", class: "strong" }, "Submit job");
  const said = h("span", { class: "said", role: "status" });
  let form = null;
  let timer = null;
  let asking = null;

  const changed = (spec) => {
    exports_.update(spec);
    askIn(QUIET_MS, spec);
    queueMicrotask(() => plot.update(...Object.values(form.activation)));
  };
  /** Whatever was asked before is given up: an answer that comes late is about another spec. */
  const askIn = (wait, spec) => {
    clearTimeout(timer);
    asking?.abort();
    asking = new AbortController();
    timer = setTimeout(ask, wait, spec, asking.signal);
  };
  const ask = async (spec, signal) => {
    try {
      plan.show(await call(api.jobs({ dry_run: true }), { method: "POST", body: spec, signal }));
      form.explain([]);
      tellConnection(false);
    } catch (error) {
      if (signal.aborted) return;
      plan.fail(error);
      tellConnection(isPassing(error) && error);
      if (isPassing(error)) askIn(error.waitMs ?? AGAIN_MS, spec);
      else form.explain(error.errors ?? []);
    }
  };
  const send = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    said.textContent = "";
    try {
      const job = await call(api.jobs(), { method: "POST", body: form.spec });
      location.assign(page.job(job.id));
    } catch (error) {
      said.textContent = error instanceof Problem ? "Not submitted: see the fields marked in red." : `Not submitted: ${error.message}. Try again.`;
      if (error instanceof Problem) {
        form.explain(error.errors);
        if (!error.errors.length) said.textContent = `Not submitted: ${error.message}`;
        form.focusFirstWrong();
      }
      submit.disabled = false;
    }
  };

  form = new SpecForm(catalog, startingSpec({ original, dataset, uploads }), changed, uploads);
  const beside = h("div", { class: "beside" }, plot.element, plan.element, exports_.element);
  const title = original ? ["Clone of ", h("a", { href: page.job(original.id) }, jobTitle(original))] : "New job";
  show(main, h("form", { novalidate: true, onsubmit: send },
    h("div", { class: "head" }, h("h1", {}, title), said, submit),
    h("div", { class: "two" }, form.element, beside)));
}

/** What the job would cost, by a dry run. */
class Plan {
  constructor() {
    this.body = h("div", { "aria-live": "polite" });
    this.element = h("section", { class: "card", "aria-label": "Plan" }, h("h2", {}, "Plan"), this.body);
  }

  show(plan) {
    const facts = [
      ["Parameters", count(plan.parameters)],
      ["Steps", count(plan.steps)],
      ["Operations", `${number(plan.flops, 3)} FLOPs`],
      ["Memory", bytes(plan.memory_bytes)],
      ["Training", plan.estimated_seconds === null ? "unknown: nothing of this kind was trained here yet" : `about ${seconds(plan.estimated_seconds)}`],
    ];
    show(this.body,
      h("dl", { class: "facts" }, facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])),
      plan.warnings.length > 0 && h("ul", { class: "warnings" }, plan.warnings.map((one) => h("li", {}, one.detail, " ", h("code", {}, one.pointer)))));
  }

  fail(error) {
    show(this.body, h("p", { class: "soft" }, isPassing(error) ? `No plan yet: ${error.message}` : "No plan yet: the spec cannot run as it stands. The fields say why."));
  }
}
