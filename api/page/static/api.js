// The requests of the page. A request never throws: without an answer its status is 0.

const PATIENCE_MS = 10_000;

/**
 * @typedef {"done" | "not_now" | "not_for_me"} Kind
 * @typedef {{ text: string, why: string, why_now: string, expires_at: string }} Tip
 * @typedef {{ tip: Tip | null, decision_id: string | null, reason: string, fallback: string | null }} Answer
 * @typedef {{ name: string, value: number, contribution: number, masked: boolean }} Feature
 * @typedef {{ probability: number, explored: boolean, policy_digest: string, posterior_version: number,
 *   features: Feature[], left_out: string[] }} Receipt
 * @typedef {{ signal: string, purpose: string, granted: boolean }} Consent
 * @typedef {{ quiet_from: string, quiet_until: string, budget: number, zone: string }} Preferences
 */

/**
 * @template T
 * @typedef {{ ok: boolean, status: number, body: T | null }} Result What came back; `body` is null unless it is ok and JSON.
 */

/**
 * @template T
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method - The HTTP method.
 * @param {string} path - Where to.
 * @param {object} [body] - Sent as JSON.
 * @returns {Promise<Result<T>>} What came back.
 */
async function call(method, path, body) {
  /** @type {RequestInit} */
  const options = { method, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body) Object.assign(options, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  try {
    const response = await fetch(path, options);
    const typed = (response.headers.get("content-type") ?? "").includes("json");
    const answer = typed ? await response.json() : null; // read in any case, so that the connection is free again
    return { ok: response.ok, status: response.status, body: response.ok ? answer : null };
  } catch {
    return { ok: false, status: 0, body: null };
  }
}

/** @type {(id: string, end: string) => string} */
const decision = (id, end) => `/api/decisions/${encodeURIComponent(id)}/${end}`;

/**
 * Ask for one tip or silence.
 *
 * @returns {Promise<Result<Answer>>} The answer.
 */
export function recommend() {
  return call("POST", "/api/recommend", { trigger: "open" });
}

/**
 * Say that a tip was seen.
 *
 * @param {string} id - The decision.
 * @returns {Promise<Result<unknown>>} Whether it was recorded.
 */
export function markShown(id) {
  return call("POST", decision(id, "shown"));
}

/**
 * Fetch what counted in a decision.
 *
 * @param {string} id - The decision.
 * @returns {Promise<Result<Receipt>>} The receipt.
 */
export function fetchReceipt(id) {
  return call("GET", decision(id, "receipt"));
}

/**
 * Send a reaction under a key of its own, so that one that is sent twice counts once.
 *
 * @param {string} id - The decision.
 * @param {Kind} kind - The reaction.
 * @returns {Promise<Result<unknown>>} Whether it was saved.
 */
export function react(id, kind) {
  return call("POST", "/api/reactions", { decision_id: id, kind, idempotency_key: newKey() });
}

/**
 * Take the reaction to a decision back.
 *
 * @param {string} id - The decision.
 * @returns {Promise<Result<unknown>>} Whether one was taken back; not when none stands or its five seconds are over.
 */
export function undo(id) {
  return call("DELETE", `/api/reactions/${encodeURIComponent(id)}`);
}

/**
 * Fetch the consents.
 *
 * @returns {Promise<Result<{ consents: Consent[] }>>} One a signal.
 */
export function fetchConsents() {
  return call("GET", "/api/consents");
}

/**
 * Give or withdraw the consent to one signal.
 *
 * @param {string} signal - The signal.
 * @param {boolean} granted - Whether it may be read.
 * @returns {Promise<Result<{ consents: Consent[] }>>} All consents as they are now.
 */
export function setConsent(signal, granted) {
  return call("POST", "/api/consents", { signal, granted });
}

/**
 * Fetch when oO may speak.
 *
 * @returns {Promise<Result<Preferences>>} The preferences.
 */
export function fetchPreferences() {
  return call("GET", "/api/preferences");
}

/**
 * Change one preference.
 *
 * @param {string} name - Its name.
 * @param {string | number} value - Its new value.
 * @returns {Promise<Result<Preferences>>} All preferences as they are now.
 */
export function setPreference(name, value) {
  return call("PATCH", "/api/preferences", { [name]: value });
}

/**
 * End the session of this browser.
 *
 * @returns {Promise<Result<unknown>>} Whether it ended; 401 says that there was none.
 */
export function signOut() {
  return call("POST", "/api/auth/logout");
}

/** @returns {string} 128 random bits in hexadecimal; `randomUUID` is missing on a plain http address of the house. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
