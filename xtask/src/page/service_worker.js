// Millrace without its server: every file of the page, kept in the browser, and a page that stays of one build.
//
// Installing fetches all files of one build and checks each against its hash, so a cache is either whole or not there.
// Afterwards:
//   every file of the page            the cache first, so that page, engine and what is loaded later belong together
//   files of another build            that build's cache, if it is still there; else the server. A page says by `?build=`, or by
//                                     the hash in a file's name, that it means its own
//   api/ and ws                       not touched
//
// A new build is offered, not forced: its script installs and then waits, and pages go on with the build that they have. It takes over
// when a page says so (a message with the page's own build), or when no page is open any more. Then the caches of other builds are
// deleted, but for that of the page that said so: others may be open, and go on with it until they are loaded anew.
//
// The page lies in this script's folder, wherever that is; addresses in the list are relative to it.

const BUILD = "__BUILD__";
const FILES = "__FILES__";

/// The page itself in the list.
const PAGE = "./";

/// The path of the page's folder, from `/` to `/`.
const FOLDER = new URL("./", self.location).pathname;

/// Pages in other folders of this origin have caches of their own.
const CACHE_PREFIX = `millrace ${FOLDER} `;
const CACHE = CACHE_PREFIX + BUILD;

/// A file name that carries the hash of its content.
const HASHED_NAME = /-[0-9a-f]{16}(_bg)?\.[a-z0-9]+$/;

/// The build of the page that asked for this one, whose cache is spared.
let spared = "";

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => {
  spared = String(event.data);
  event.waitUntil(self.skipWaiting());
});
self.addEventListener("fetch", (event) => {
  const answer = answerTo(event.request);
  if (answer) event.respondWith(answer());
});

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all(Object.entries(FILES).map(([address, hash]) => keep(cache, address, hash)));
}

async function keep(cache, address, hash) {
  if (await cache.match(address)) return;
  const response = await fetch(address, { cache: HASHED_NAME.test(address) ? "default" : "no-cache" });
  if (!response.ok) throw new Error(`${address}: the server answered ${response.status}`);
  const digest = await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer());
  const found = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== hash) throw new Error(`${address} is not the one of build ${BUILD}`);
  await cache.put(address, response);
}

async function activate() {
  const stays = [CACHE, CACHE_PREFIX + spared];
  await Promise.all((await builds()).filter((name) => !stays.includes(name)).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/// How to answer a request, or nothing when the browser should ask the server as if this script weren't there.
function answerTo(request) {
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || !url.pathname.startsWith(FOLDER)) return undefined;
  const name = url.pathname.slice(FOLDER.length);
  if (name === "ws" || name === "api" || name.startsWith("api/")) return undefined;

  const address = `./${name}`;
  if (Object.hasOwn(FILES, address)) {
    const build = url.searchParams.get("build") ?? BUILD;
    return () => answer(request, address, [CACHE_PREFIX + build]);
  }
  // What the page of another build goes on asking for.
  if (HASHED_NAME.test(name)) return async () => answer(request, address, await builds());
  // Every name that isn't a file's is a view of the one page; what lies deeper is none, since the page's own addresses are relative.
  if (request.mode === "navigate" && !name.includes("/")) return () => answer(request, PAGE, [CACHE]);
  return undefined;
}

/// What one of these caches has; else the server is asked.
async function answer(request, address, cacheNames) {
  for (const cacheName of cacheNames) {
    const kept = await caches.match(address, { cacheName });
    if (kept) return kept;
  }
  return fetch(request);
}

/// The caches of this page's builds.
async function builds() {
  return (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX));
}
