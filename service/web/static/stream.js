// Server-sent events by fetch, because a browser's EventSource cannot show a key.

import { askForKey, headers } from "/static/session.js";

const AGAIN_MS = 2000;

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
 * had. `handlers` are by kind of event; `tell` hears whether the connection is lost; `after` is the id
 * of the last event that is known already. Returns a way to stop. */
export function followStream(url, handlers, tell, after = "") {
  const stop = new AbortController();
  let lastId = after;
  let timer = null;

  function handle({ event, id, data }) {
    if (stop.signal.aborted) return;
    if (id !== undefined) lastId = id;
    handlers[event]?.(JSON.parse(data));
    if (event === "end") close();
  }

  async function open() {
    try {
      const resumed = lastId ? { "Last-Event-ID": lastId } : {};
      const asked = { ...headers(), ...resumed, Accept: "text/event-stream" };
      const response = await fetch(url, { headers: asked, signal: stop.signal, cache: "no-store" });
      if (response.status === 401) return void askForKey((await response.json()).detail);
      if (response.status === 204) return void close();
      if (response.ok) {
        tell(false);
        await readEvents(response, handle);
      }
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof TypeError || error.name === "AbortError")) throw error;
    }
    if (stop.signal.aborted) return;
    tell(true);
    timer = setTimeout(open, AGAIN_MS);
  }

  function close() {
    clearTimeout(timer);
    stop.abort();
  }

  open();
  return close;
}
