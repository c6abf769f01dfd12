// Talking to the API: problems as errors, reading again and again, streams that come back.

import { askForKey, headers } from "/static/session.js";
import { followStream } from "/static/stream.js";
import { api } from "/static/urls.js";

const connection = document.querySelector("#connection");

/** The API said no. `errors` are {pointer, detail}. */
export class Problem extends Error {
  constructor(document_, status) {
    super(document_.detail ?? document_.title ?? `the service answered ${status}`);
    this.status = status;
    this.code = document_.code;
    this.errors = document_.errors ?? [];
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** `body` is sent as JSON, a `file` as it is, under the media type given with it. */
export async function call(url, { method = "GET", body, file, type = "application/json", signal } = {}) {
  let response;
  try {
    const sent = file ?? (body && JSON.stringify(body));
    const form = sent === undefined ? {} : { "Content-Type": type };
    response = await fetch(url, { method, signal, headers: { ...headers(), ...form }, body: sent });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("the service does not answer");
  }
  noteStored(response.headers.get("Subgrad-Stored-At"));
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new Unreachable(`the service answered ${response.status} with something else than JSON`);
  }
  if (response.status === 401) return askForKey(answer?.detail);
  if (!response.ok) throw new Problem(answer ?? {}, response.status);
  return answer;
}

export const read = (url, signal) => call(url, { signal });

/** Saves what the address answers in another form, such as text/csv. */
export async function download(url, form, name) {
  const response = await fetch(url, { headers: { ...headers(), Accept: form } });
  if (response.status === 401) return askForKey((await response.json()).detail);
  if (!response.ok) throw new Problem(await response.json(), response.status);
  const address = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

let lost = false;
let storedAt = null; // when what is shown was answered, where service-worker.js recalled it
let watching = null;

/** Tells whether the service answers; every page has the line. */
export function tellConnection(isLost) {
  lost = isLost;
  connection.hidden = !lost && storedAt === null;
  const shown = storedAt ? ` Shown is what it said last, at ${new Date(storedAt).toLocaleTimeString()}.` : "";
  const text = connection.hidden ? "" : `The service does not answer.${shown} This page tries again by itself; if it stays so, start it with “make serve”.`;
  if (connection.textContent !== text) connection.textContent = text;
}

/** A page that shows stored answers may have nothing left to ask for: so somebody has to look. */
function noteStored(at) {
  storedAt = at;
  if (at === null) return;
  tellConnection(lost);
  watching ??= setInterval(async () => {
    const answers = await fetch(api.alive).then((response) => response.ok, () => false);
    if (!answers) return;
    watching = clearInterval(watching) ?? null;
    storedAt = null;
    tellConnection(false);
  }, 2000);
}

/** Calls `look` now and then again: soon while the page is seen, seldom while it is not. `look`
 * returns the milliseconds until the next time, or null to end. Returns a way to look at once. */
export function keepLooking(look) {
  let timer = null;
  let turn = 0;
  async function again() {
    const mine = (turn += 1);
    clearTimeout(timer);
    let wait = 2000;
    try {
      wait = await look();
      if (mine === turn) tellConnection(false);
    } catch (error) {
      if (!(error instanceof Unreachable || (error instanceof Problem && error.status >= 500))) throw error;
      if (mine === turn) tellConnection(true);
    }
    if (mine !== turn) return;
    timer = null;
    if (wait === null) return;
    timer = setTimeout(again, document.hidden ? Math.max(wait, 15000) : wait);
  }
  document.addEventListener("visibilitychange", () => !document.hidden && timer !== null && again());
  again();
  return again;
}

/** A stream of server-sent events, see stream.js. */
export const follow = (url, handlers, after) => followStream(url, handlers, tellConnection, after);
