// Talking to the API: problems as errors, reading again and again, streams that come back.

import { noteStored, tellConnection } from "/static/connection.js";
import { retryAfterMs, send } from "/static/sending.js";
import { followStream } from "/static/stream.js";

export { tellConnection };

const AGAIN_MS = 2000;
const UNSEEN_MS = 15000;

/** The API said no. `errors` are {pointer, detail}. */
export class Problem extends Error {
  constructor(document_, status, waitMs = null) {
    super(document_.detail ?? document_.title ?? `the service answered ${status}`);
    this.status = status;
    this.code = document_.code;
    this.errors = document_.errors ?? [];
    this.waitMs = waitMs;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** Whether it may end by itself: nobody answers, or the service cannot, such as while its database
 * starts again. Too many requests are no error, see sending.js. */
export const isPassing = (error) => error instanceof Unreachable || (error instanceof Problem && error.status >= 500);

/** What `take` makes of the answer. Raises Problem and Unreachable. */
async function ask(url, options, take) {
  try {
    const response = await send(url, options);
    noteStored(response.headers.get("Subgrad-Stored-At"));
    if (response.ok) return await take(response);
    throw new Problem((await response.json().catch(() => null)) ?? {}, response.status, retryAfterMs(response));
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    if (error instanceof SyntaxError) throw new Unreachable("the service answered with something else than JSON");
    throw new Unreachable("the service does not answer");
  }
}

async function parse(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** `body` is sent as JSON, a `file` as it is, under the media type given with it. */
export function call(url, { method = "GET", body, file, type = "application/json", signal } = {}) {
  const sent = file ?? (body && JSON.stringify(body));
  return ask(url, { method, signal, headers: sent === undefined ? {} : { "Content-Type": type }, body: sent }, parse);
}

export const read = (url, signal) => call(url, { signal });

/** Saves what the address answers in another form, such as text/csv. Not for service-worker.js to
 * keep, hence the mode of caching. */
export async function download(url, form, name) {
  const content = await ask(url, { headers: { Accept: form }, cache: "no-store" }, (response) => response.blob());
  const address = URL.createObjectURL(content);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** Calls `look` now and then again: soon while the page is seen, seldom while it is not. `look`
 * returns the milliseconds until the next time, or null to end. What passes by itself is waited for;
 * `failed(error)` shows an error where nothing was seen before, or where it is the end. */
export function keepLooking(look, failed = () => {}) {
  let timer = null;
  let told = null;
  let hasSeen = false;

  function fail(error) {
    if ((!hasSeen || !isPassing(error)) && error.message !== told) failed(error);
    told = error.message; // said once: a screen reader would read it each time
    tellConnection(isPassing(error) && error);
    if (isPassing(error)) return Math.max(AGAIN_MS, error.waitMs ?? 0);
    if (error instanceof Problem) return null;
    throw error;
  }

  async function again() {
    clearTimeout(timer);
    timer = null; // a second turn beside this one would show everything twice
    let wait = null;
    try {
      wait = await look();
      hasSeen = true;
      told = null;
      tellConnection(false);
    } catch (error) {
      wait = fail(error);
    }
    if (wait !== null) timer = setTimeout(again, document.hidden ? Math.max(wait, UNSEEN_MS) : wait);
  }
  document.addEventListener("visibilitychange", () => !document.hidden && timer !== null && again());
  again();
}

/** A stream of server-sent events, see stream.js. */
export const follow = (url, handlers, after) => followStream(url, handlers, tellConnection, after);
