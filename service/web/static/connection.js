// The line on every page that tells when the service does not answer, answers old things, or lets wait.

import { api } from "/static/urls.js";

const LOOK_MS = 2000;
const AGAIN = "This page tries again by itself";

const line = document.querySelector("#connection");

let trouble = null; // what keeps the service from answering, in words
let storedAt = null; // when what is shown was answered, where service-worker.js recalled it
let isBusy = false; // the service lets this page wait
let watching = null;

function tell() {
  const shown = storedAt ? ` Shown is what it said last, at ${new Date(storedAt).toLocaleTimeString()}.` : "";
  const away = `The service does not answer.${shown} ${AGAIN}; if it stays so, start it with “make serve”.`;
  const isAway = trouble === "" || storedAt !== null;
  const text = isAway ? away : trouble ? `The service cannot do this now: ${trouble} ${AGAIN}.` : isBusy ? "More was asked than the service allows at once. This page goes on by itself." : "";
  line.hidden = text === "";
  if (line.textContent !== text) line.textContent = text;
}

/** `lost` is false, true, or the error that told of it: with a status it is an answer all the same. */
export function tellConnection(lost) {
  trouble = lost ? (lost.status ? lost.message : "") : null;
  tell();
}

/** Whether the service lets this page wait, because it asked too often. */
export function tellBusy(nowBusy) {
  isBusy = nowBusy;
  tell();
}

/** A page that shows stored answers may have nothing left to ask for: so somebody has to look. */
export function noteStored(at) {
  storedAt = at;
  if (at === null) return;
  tell();
  watching ??= setInterval(async () => {
    const answers = await fetch(api.alive).then((response) => response.ok, () => false);
    if (!answers) return;
    watching = clearInterval(watching) ?? null;
    storedAt = null;
    tellConnection(false);
  }, LOOK_MS);
}
