// Lets a page be loaded again while the service is away: what it answered last is kept in the
// browser, and shown when it does not answer. Whatever it answers goes first, so that a new version of
// the pages is never hidden by an old one.

const KEPT = "subgrad";
const MOST = 400;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** Pages and their files, and what the API answers to anybody: not what it answers to the holder of
 * a key, which the next user of this browser must not find here, and no exports, which may be large. */
function isKept(request) {
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin || request.headers.has("Authorization") || request.cache === "no-store") return false;
  if (pathname.startsWith("/docs") || pathname === "/healthz") return false;
  return request.mode === "navigate" || ["*/*", "application/json"].includes(request.headers.get("Accept"));
}

/** One document serves every page. */
const keyOf = (request) => (request.mode === "navigate" ? "/" : request);

async function keep(request, response) {
  const cache = await caches.open(KEPT);
  await cache.put(keyOf(request), response);
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - MOST)).map((key) => cache.delete(key)));
}

async function recall(request) {
  const found = await caches.match(keyOf(request), { cacheName: KEPT });
  if (!found) return Response.error();
  const headers = new Headers(found.headers);
  headers.set("Subgrad-Stored-At", found.headers.get("Date") ?? "");
  return new Response(found.body, { status: found.status, headers });
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (!isKept(request)) return;
  const answer = fetch(request);
  event.respondWith(answer.catch(() => recall(request)));
  event.waitUntil(answer.then((response) => response.ok && keep(request, response.clone())).catch(() => {}));
});
