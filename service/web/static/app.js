// The overview: the newest jobs, read again while the page is looked at.

const VISIBLE_MS = 1500;
const HIDDEN_MS = 15000;

const table = document.querySelector("table");
const body = document.querySelector("tbody");
const notice = document.querySelector("#notice");

/** Measured numbers are numbers, null (not measured), or "NaN", "Infinity", "-Infinity". */
function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value.replace("Infinity", "∞").replace("-", "−");
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(digits)));
}

const percent = (value) => (typeof value === "number" ? `${number(100 * value, 3)} %` : number(value));
const count = (value) => (typeof value === "number" ? value.toLocaleString() : number(value));

function network({ network, activation }) {
  const convention = activation.derivative_at_zero ?? null;
  const at = convention === null ? "" : `, φ′(0) = ${convention}`;
  return network.kind === "linear" ? "linear" : `${network.hidden.join(" × ")} ${activation.name}${at}`;
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function row(job) {
  const { summary, spec } = job;
  const state = job.outcome === "diverged" ? "diverged" : job.status;
  const words = [state, job.reason].filter(Boolean).join(": ").replaceAll("_", " ");
  const title = job.name ?? `${spec.dataset.name}, ${spec.optimizer.name} ${spec.optimizer.learning_rate}`;
  const bar = element("progress", { max: 1, value: job.progress, title: `${Math.round(100 * job.progress)} %` });
  const cells = [
    element("a", { href: `/v1/jobs/${job.id}`, title: job.id }, title),
    network(spec),
    element("span", { className: `status ${state}`, title: job.detail ?? "" }, words),
    bar,
    number(summary?.train_loss),
    number(summary?.train_metric),
    percent(summary?.dead_fraction),
    count(summary?.kink_hits),
  ];
  const labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  return element("tr", {}, ...cells.map((content, i) => {
    const cell = element("td", { className: i >= 4 ? "number" : "" }, content);
    cell.dataset.label = labels[i];
    return cell;
  }));
}

function say(text) {
  notice.hidden = !text;
  if (notice.textContent !== text) notice.textContent = text;
}

async function refresh() {
  try {
    const response = await fetch("/v1/jobs?limit=50");
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    body.replaceChildren(...answer.data.map(row));
    table.hidden = answer.data.length === 0;
    say(answer.data.length ? "" : "No jobs yet. Post one to /v1/jobs: the API page has an example to try.");
  } catch (error) {
    say(`No news from the service (${error.message}). Trying again…`);
  }
}

let timer;
async function keepFresh() {
  clearTimeout(timer);
  await refresh();
  clearTimeout(timer);
  timer = setTimeout(keepFresh, document.hidden ? HIDDEN_MS : VISIBLE_MS);
}

document.addEventListener("visibilitychange", () => document.hidden || keepFresh());
keepFresh();
