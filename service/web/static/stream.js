// Server-sent events by fetch, because a browser's EventSource cannot show a key.

import { retryAfterMs, send } from "/static/sending.js";

const AGAIN_MS = 2000;
const HIDDEN_MS = 5000;

/** The events in a text of whole blocks: {event, id, data}. */
function* parse(blocks) {
  for (const block of blocks) {
    const found = { event: "message", data: [] };
    for (const line of block.split("\n")) {
      const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
      if (name === "data") found.data.push(value);
      else if (name) found[name] = value;
    }
    if (found.data.length) yield { ...found, data: found.data.join("\n") };
  }
}

async function readEvents(response, handle) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const event of parse(blocks)) handle(event);
  }
}

/** Follows a stream until its `end`, and comes back with the last id whenever it breaks or is not to be
 * had. While nobody sees the page it is closed: a browser has six connections to a service for all of
 * its tabs, and a seventh tab would wait for ever. `handlers` are by kind of event; `tell` hears
 * whether the connection is lost; `after` is the id of the last event that is known already. Returns a
 * way to stop. */
export function followStream(url, handlers, tell, after = "") {
  const ended = new AbortController();
  let connection = null; // what is open, or being opened, or about to be opened again
  let lastId = after;
  let timer = null;
  let leaving = null;

  function handle({ event, id, data }) {
    if (ended.signal.aborted) return;
    if (id !== undefined) lastId = id;
    handlers[event]?.(JSON.parse(data));
    if (event === "end") close();
  }

  async function open() {
    const { signal } = (connection = new AbortController());
    let wait = AGAIN_MS;
    try {
      const resumed = lastId ? { "Last-Event-ID": lastId } : {};
      const response = await send(url, { headers: { ...resumed, Accept: "text/event-stream" }, signal, cache: "no-store" });
      if (response.status === 204) return void close();
      if (response.ok) {
        tell(false);
        await readEvents(response, handle);
      }
      wait = Math.max(wait, retryAfterMs(response) ?? 0);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError || error.name === "AbortError")) throw error;
    }
    if (signal.aborted) return;
    tell(true);
    timer = setTimeout(open, wait);
  }

  function letGo() {
    clearTimeout(timer);
    connection?.abort();
    connection = null;
  }

  function look() {
    if (document.hidden && connection) {
      clearTimeout(leaving);
      leaving = setTimeout(letGo, HIDDEN_MS);
    } else if (!document.hidden) {
      clearTimeout(leaving);
      if (!connection) open();
    }
  }

  function close() {
    ended.abort();
    clearTimeout(leaving);
    letGo();
  }

  document.addEventListener("visibilitychange", look, { signal: ended.signal });
  // A browser may keep a page that was left, and show it again.
  addEventListener("pagehide", letGo, { signal: ended.signal });
  addEventListener("pageshow", look, { signal: ended.signal });
  open();
  look();
  return close;
}
