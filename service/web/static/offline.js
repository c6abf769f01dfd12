// Has the browser keep every page, so that one can be loaded while the service is away
// (service-worker.js does the keeping).

import { pageModules, serviceWorker } from "/static/urls.js";

/** Where browsers allow it: on secure origins and on this machine. Elsewhere a page that is loaded
 * while the service is away is the browser's own error page. */
export async function keepPages() {
  if (!navigator.serviceWorker) return;
  const isFirst = navigator.serviceWorker.controller === null;
  await navigator.serviceWorker.register(serviceWorker);
  if (!isFirst) return;
  if (!navigator.serviceWorker.controller) await new Promise((go) => navigator.serviceWorker.addEventListener("controllerchange", go, { once: true }));
  // What came before the worker did was not seen by it. Importing finds what modules import.
  for (const module of new Set(pageModules())) await import(module); // one by one: a person may be typing
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => new URL(name).pathname.startsWith("/static/"));
  await Promise.all([...new Set(loaded)].map((address) => fetch(address)));
  await fetch("/"); // last: a document without its modules would be an empty page
}
