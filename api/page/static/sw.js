// Keeps the shell for a dark tunnel, and nothing else: no answer of the API ever enters a cache.

const CACHE = "oo-shell";
const MODULES = ["api", "app", "consents", "gestures", "preferences", "state", "view", "why"];
const SHELL = ["/", "/style.css", ...MODULES.map((name) => `/${name}.js`), "/manifest.webmanifest", "/icon.svg", "/icon-192.png"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then(deleteOthers).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || !SHELL.includes(url.pathname)) return;
  event.respondWith(fresh(url.pathname, event.request));
});

function deleteOthers(names) {
  return Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
}

async function fresh(path, request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.status === 200) await cache.put(path, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}
