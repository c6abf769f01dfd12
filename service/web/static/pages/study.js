// One study: the claim, where it stands, and once it has ended what it found; made to be printed.

import { call, download, keepLooking, read } from "/static/api.js";
import { LineChart } from "/static/charts.js";
import { h, setTitle, show } from "/static/dom.js";
import { decision, estimate, links, region, verdict } from "/static/findings.js";
import { count, number, percent, time, value, words } from "/static/format.js";
import { action, failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const LOOK_MS = 1000;

export async function open(main, id) {
  setTitle("Study");
  show(main, h("p", { class: "soft" }, "Loading…"));
  const head = h("div", {});
  const body = h("div", { class: "stack findings" });
  let shown = false;
  keepLooking(async () => {
    const study = await read(api.study(id));
    const report = study.status === "succeeded" ? await read(api.studyReport(id)) : null;
    if (!shown) show(main, h("div", { class: "stack" }, head, body));
    shown = true;
    setTitle(study.template);
    show(head, heading(study));
    show(body, report ? findings(report) : waiting(study), about(study, report));
    return study.finished_at ? null : LOOK_MS;
  }, (error) => show(main, failure(error)));
}

function heading(study) {
  const save = (form, ending) => () => download(api.studyReport(study.id), form, `${study.template}.${ending}`);
  const cancel = async () => {
    await call(api.cancelStudy(study.id), { method: "POST" });
    location.reload();
  };
  const isDone = study.status === "succeeded";
  return [
    h("div", { class: "head" },
      h("h1", {}, study.template, " ", h("small", {}, `${study.scale} scale`)),
      study.verdict && verdict(study.verdict), h("span", { class: `status ${study.status}`, role: "status" }, [study.status, study.reason && words(study.reason)].filter(Boolean).join(": "))),
    h("p", { class: "claim" }, "Claim: ", study.claim),
    h("div", { class: "toolbar" },
      !study.finished_at && action("Cancel", cancel, { kind: "danger" }),
      isDone && h("button", { type: "button", onclick: () => print() }, "Print"),
      isDone && action("Report as HTML", save("text/html", "html")),
      isDone && action("as Markdown", save("text/markdown", "md")),
      h("a", { class: "button", href: page.jobs({ study_id: study.id }) }, "All its jobs")),
  ];
}

function waiting(study) {
  const some = Object.entries(study.counts).filter(([, many]) => many > 0).map(([name, many]) => `${count(many)} ${name}`);
  if (study.finished_at) return h("div", { class: "empty bad" }, h("h2", {}, "No verdict"), h("p", {}, study.detail ?? `The study was ${study.status}.`));
  return h("div", { class: "card toolbar" },
    h("progress", { max: 1, value: study.progress, "aria-label": "Progress of the study" }),
    h("span", {}, `Round ${count(study.rounds)}, ${percent(study.progress)}: ${some.join(", ") || "its jobs are about to be posted"}`));
}

function findings({ findings: found }) {
  return [
    statements(found),
    found.figures.length > 0 && h("div", { class: "charts" }, found.figures.map(figure)),
    found.tables.map((one) => table(one, found.evidence)),
    found.remarks.length > 0 && h("section", { class: "card", "aria-label": "Remarks" }, h("h2", {}, "Remarks"), h("ul", {}, found.remarks.map((one) => h("li", {}, one)))),
  ];
}

function statements({ statements: all, evidence }) {
  const row = (one) => h("tr", {},
    h("td", { class: "across" }, h("div", {}, one.text, !one.decisive && h("small", {}, " (beside the verdict)"), h("br"), h("small", {}, `${one.quantity}: ${region(one)}?`))),
    h("td", { class: "across", "data-label": "Measured" }, h("div", {}, estimate(one.estimate), links(evidence, one.estimate.jobs))),
    h("td", { class: "across", "data-label": "Verdict" }, h("div", {}, verdict(one.verdict), h("br"), h("small", {}, decision(one)))));
  return h("section", { "aria-label": "Statements" }, scrolling("Statements", h("table", { class: "stacking" },
    h("caption", { class: "unseen" }, "Statements, what was measured, and what it says"),
    h("thead", {}, h("tr", {}, ["Statement", "Measured", "Verdict"].map((label) => h("th", { scope: "col" }, label)))),
    h("tbody", {}, all.map(row)))));
}

const scrolling = (label, inner) => h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label }, inner);

function table({ title, columns, rows, note }, evidence) {
  const cell = (one, at) => {
    if (typeof one !== "string") return h("td", {}, estimate(one), links(evidence, one.jobs));
    return at ? h("td", {}, one) : h("th", { scope: "row" }, one);
  };
  return h("section", { "aria-label": title }, h("h2", {}, title), scrolling(`Table: ${title}`, h("table", {},
    h("caption", { class: "unseen" }, title),
    h("thead", {}, h("tr", {}, columns.map((label) => h("th", { scope: "col" }, label)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))))),
    note && h("p", { class: "soft" }, note));
}

function figure({ title, x, y, series, note }) {
  const chart = new LineChart({ title, note: [y.label, note].filter(Boolean).join(". "), x: x.label, kind: y.scale, xKind: x.scale, format: number });
  const bound = (of, side) => of.interval?.[side] ?? of.value;
  chart.update(series.map(({ label, points }) => ({
    name: label,
    x: points.map((point) => point.x),
    y: points.map((point) => point.y.value),
    low: points.map((point) => bound(point.y, "low")),
    high: points.map((point) => bound(point.y, "high")),
  })));
  return chart.element;
}

function about(study, report) {
  const facts = [
    ...(report ? [["Source", report.source], ["Statistic", report.statistic]] : []),
    ["Started", time(study.created_at)],
    ["Ended", time(study.finished_at)],
    ["Sweeps", Object.entries(study.sweeps).map(([name, id], at) => [at > 0 && ", ", h("a", { href: page.sweep(id) }, name)])],
    ...Object.entries(study.options).map(([name, one]) => [words(name), value(one)]),
  ];
  return h("details", { class: "card", open: Boolean(report) }, h("summary", {}, "How it was done"),
    h("dl", { class: "facts" }, facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])));
}
