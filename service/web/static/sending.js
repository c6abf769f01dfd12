// Sending requests: with the key, and no sooner than the service wants them.

import { tellBusy } from "/static/connection.js";
import { askForKey, headers } from "/static/session.js";

const LONGEST_MS = 60000;
const UNSAID_MS = 1000;

let restsUntil = 0; // of all that this page sends: whoever asks too often does so by all of it

/** How long the service wants to be left alone, in milliseconds; null where it does not say. */
export function retryAfterMs(response) {
  const said = response.headers.get("Retry-After");
  if (said === null) return null;
  const asked = /^\d+$/.test(said) ? 1000 * Number(said) : Date.parse(said) - Date.now();
  return Number.isNaN(asked) ? null : Math.min(Math.max(asked, 0), LONGEST_MS);
}

async function rest(signal) {
  for (let left = restsUntil - performance.now(); left > 0; left = restsUntil - performance.now()) {
    await new Promise((go) => setTimeout(go, left));
  }
  signal?.throwIfAborted();
}

/** Refused because it came too soon: nothing was done, so it may be sent again, whatever it was. A
 * full queue is refused by the same status, and is for whoever submits to know. */
async function isTooSoon(response) {
  if (response.status !== 429) return false;
  const problem = await response.clone().json().catch(() => null);
  return problem?.code !== "queue_full";
}

/** What `fetch` returns, once the service lets it be asked; never where it wants a key. */
export async function send(url, { headers: asked, ...options } = {}) {
  for (;;) {
    await rest(options.signal);
    const response = await fetch(url, { ...options, headers: { ...headers(), ...asked } });
    if (response.status === 401) return askForKey((await response.json().catch(() => null))?.detail);
    if (!(await isTooSoon(response))) {
      if (restsUntil <= performance.now()) tellBusy(false);
      return response;
    }
    restsUntil = Math.max(restsUntil, performance.now() + (retryAfterMs(response) ?? UNSAID_MS));
    tellBusy(true);
  }
}
