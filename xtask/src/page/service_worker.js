// Millrace without its server: every file of the page, kept in the browser.
//
// Installing fetches all files of one build and checks each against its hash, so a cache is either whole or not there.
// Afterwards:
//   the page itself, and files without a hash in their name    the server first, when it answers in time; else the cache
//   files with a hash in their name, or asked for as this build's      the cache first: their bytes can't differ
//   api/ and ws                                                not touched
// Activating deletes the caches of other builds of the page in this folder.
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

/// How long a server may take before the cache answers in its place, in milliseconds.
const SERVER_PATIENCE_MS = 3000;

/// A file name that carries the hash of its content.
const HASHED_NAME = /-[0-9a-f]{16}(_bg)?\.[a-z0-9]+$/;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const answer = answerTo(event.request);
  if (answer) event.respondWith(answer());
});

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all(Object.entries(FILES).map(([address, hash]) => keep(cache, address, hash)));
  // The page tells an engine of another build by its handshake, so there is nothing to wait for.
  await self.skipWaiting();
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
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/// How to answer a request, or nothing when the browser should ask the server as if this script weren't there.
function answerTo(request) {
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || !url.pathname.startsWith(FOLDER)) return undefined;
  const name = url.pathname.slice(FOLDER.length);
  if (name === "ws" || name === "api" || name.startsWith("api/")) return undefined;

  // Every name that isn't a file's is a view of the one page; what lies deeper is none, since the page's own addresses are relative.
  const known = Object.hasOwn(FILES, `./${name}`);
  if (!known && (request.mode !== "navigate" || name.includes("/"))) return undefined;
  const address = known ? `./${name}` : PAGE;
  const cannotDiffer = HASHED_NAME.test(address) || url.searchParams.get("build") === BUILD;
  return () => (cannotDiffer ? cacheFirst(request, address) : serverFirst(request, address));
}

async function cacheFirst(request, address) {
  return (await kept(address)) ?? fetch(request);
}

async function serverFirst(request, address) {
  const fallback = await kept(address);
  if (!fallback) return fetch(request);
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), SERVER_PATIENCE_MS);
  try {
    // `no-cache` asks the server whether its file is new, whatever the browser's own cache holds.
    const response = await fetch(request, { cache: "no-cache", signal: patience.signal });
    // A proxy that has lost its server answers 502 to 504.
    return response.status >= 500 ? fallback : response;
  } catch {
    return fallback;
  } finally {
    // Only the first byte is waited for: a long answer may take its time.
    clearTimeout(timer);
  }
}

async function kept(address) {
  const cache = await caches.open(CACHE);
  return cache.match(address);
}
