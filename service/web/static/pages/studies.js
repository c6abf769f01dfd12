// What can be studied, and the studies that there are, newest first.

import { call, keepLooking, read } from "/static/api.js";
import { h, setTitle, show } from "/static/dom.js";
import { verdict } from "/static/findings.js";
import { ago, count, percent, time } from "/static/format.js";
import { action, empty, failure } from "/static/notices.js";
import { api, page } from "/static/urls.js";

const LIMIT = 25;
const COLUMNS = ["Study", "Scale", "Status", "Progress", "Jobs", "Verdict"];

function tile(template) {
  const run = (scale) => action(`Run ${scale}`, async () => {
    const study = await call(api.studies(), { method: "POST", body: { template: template.name, scale } });
    location.assign(page.study(study.id));
  }, { kind: scale === "quick" ? "strong" : "" });
  return h("section", { class: "card", "aria-label": template.name },
    h("h2", {}, template.name), h("p", {}, template.claim),
    h("details", {}, h("summary", {}, "Source and statistic"), h("p", {}, template.source), h("p", { class: "soft" }, template.statistic)),
    h("div", { class: "toolbar" }, Object.keys(template.scales).filter((scale) => scale !== "full").map(run)));
}

function row(study) {
  const total = Object.values(study.counts).reduce((sum, many) => sum + many, 0);
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: page.study(study.id) }, study.template), " ", h("small", { title: time(study.created_at) }, ago(study.created_at))),
    h("td", { "data-label": "Scale" }, study.scale),
    h("td", { "data-label": "Status" }, h("span", { class: `status ${study.status}` }, study.status)),
    h("td", { "data-label": "Progress" }, h("progress", { max: 1, value: study.progress, "aria-label": `Progress of ${study.template}`, title: percent(study.progress) })),
    h("td", { class: "number", "data-label": "Jobs" }, count(total)),
    h("td", { "data-label": "Verdict" }, study.verdict ? verdict(study.verdict) : "–"));
}

const table = (studies) =>
  h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Studies" }, h("table", { class: "stacking" },
    h("caption", { class: "unseen" }, "Studies, newest first"),
    h("thead", {}, h("tr", {}, COLUMNS.map((label) => h("th", { scope: "col" }, label)))),
    h("tbody", {}, studies.map(row))));

export async function open(main) {
  setTitle("Studies");
  const cursor = new URLSearchParams(location.search).get("cursor");
  const place = h("div", {}, h("p", { class: "soft" }, "Loading…"));
  const pager = h("nav", { class: "pager", "aria-label": "Pages of studies" });
  const claims = h("div", { class: "tiles" });
  show(main, h("div", { class: "stack" },
    h("h1", {}, "Studies"), h("div", {}, place, pager), h("h2", {}, "Claims that can be tested"), claims));
  let before = null;
  keepLooking(async () => {
    const { templates, data, next_cursor: next } = await read(api.studies({ limit: LIMIT, cursor }));
    if (before === null) show(claims, templates.map(tile));
    const text = JSON.stringify(data);
    if (text !== before) show(place, data.length ? table(data) : empty("No studies yet", "Run one of the claims below; a quick one takes less than a minute."));
    before = text;
    show(pager, cursor && h("a", { href: page.studies() }, "« Newest"), next && h("a", { href: page.studies({ cursor: next }), rel: "next" }, "Older »"));
    return data.some((study) => !study.finished_at) ? 1000 : 4000;
  }, (error) => show(place, failure(error)));
}
