// Runs in a page before anything of its own, and notes what a person would notice: when a frame
// first showed the content, long tasks, slow answers to the keyboard, and how long after its
// arrival over the network a piece of news was in a painted frame.
//
// `contents` is {shown, whole}: whether the page can be read, and whether nothing of it is missing. `news` matches the addresses whose answers are news.

function measure(contents, news) {
  const noted = (window.measured = { shown: null, whole: null, long: [], inputs: [], updates: {}, arrivals: 0 });
  const waiting = new Map(); // kind of news: when it arrived
  let changedAt = -1;

  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) noted.long.push([startTime, startTime + duration]);
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const { duration, interactionId } of list.getEntries()) if (interactionId) noted.inputs.push(duration);
  }).observe({ type: "event", durationThreshold: 16, buffered: true });

  function arrived(kind) {
    noted.arrivals += 1;
    // What came first waits longest: news that are drawn together count from the oldest.
    if (!waiting.has(kind)) waiting.set(kind, performance.now());
  }

  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const response = await ask(...asked);
    const address = String(asked[0]);
    if (address.endsWith("/events") && response.ok && response.body) {
      const noting = new TransformStream({ transform(chunk, out) { arrived("event"); out.enqueue(chunk); } });
      return new Response(response.body.pipeThrough(noting), { status: response.status, headers: response.headers });
    }
    if (news && new RegExp(news).test(address)) {
      const text = response.text.bind(response);
      response.text = async () => { const all = await text(); arrived("answer"); return all; };
    }
    return response;
  };

  // A message that is posted in an animation frame is heard once that frame is painted.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const now = performance.now();
    for (const [name, holds] of Object.entries(contents)) if (noted[name] === null && holds()) noted[name] = now;
    for (const [kind, since] of waiting) {
      if (changedAt < since) continue;
      waiting.delete(kind);
      (noted.updates[kind] ??= []).push(now - since);
    }
  };
  requestAnimationFrame(function frame() {
    port2.postMessage(null);
    requestAnimationFrame(frame);
  });
  addEventListener("DOMContentLoaded", () => {
    const changed = () => { changedAt = performance.now(); };
    new MutationObserver(changed).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true });
  });
}
