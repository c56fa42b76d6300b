// One sentence, three answers, and why. Personal text only ever enters the page as textContent.

import { consentScreen } from "/consents.js";

const UNDO_MS = 5000;
const QUARTER_MS = 15 * 60 * 1000; // decision points lie on the quarter hour
const PATIENCE_MS = 10000;
const RETRY_MS = 15000;
const SWIPE_PX = 64;
const ROWS = 6;

const find = (id) => document.getElementById(id);
const face = find("face");
const sentence = find("sentence");
const note = find("note");
const mark = find("mark");
const undo = find("undo");
const why = find("why");
const askWhy = find("ask-why");
const gestures = find("gestures");
const answers = [...gestures.querySelectorAll("[data-kind]")];

const KEYS = {
  d: "done", n: "not_now", x: "not_for_me",
  ArrowRight: "done", ArrowLeft: "not_now", ArrowDown: "not_for_me",
};
const HEARD = { done: "Done.", not_now: "Later, then.", not_for_me: "Understood. Not for you." };
const SILENCES = {
  not_worth_it: "Nothing is worth an interruption right now.",
  nothing_fits: "Nothing fits this moment.",
  silence_holds: "oO chose to be silent until the next quarter hour.",
  resting: "You have answered. oO rests until the next quarter hour.",
  quiet_hours: "These are your quiet hours.",
  in_event: "You are in an event.",
  budget_spent: "Today's interruptions are spent.",
};

let state = { name: "loading" };
let pending = Promise.resolve(); // the reaction on its way: an undo waits for it
let asking = null;
let timer = 0;
const shown = new Set();

// --- the door -------------------------------------------------------------------------------------------------------

async function call(method, path, body) {
  const options = { method, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body) Object.assign(options, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  try {
    const response = await fetch(path, options);
    const typed = (response.headers.get("content-type") || "").includes("json");
    return { ok: response.ok, status: response.status, body: typed ? await response.json() : null };
  } catch {
    return { ok: false, status: 0, body: null };
  }
}

const decision = (id, end) => `/api/decisions/${encodeURIComponent(id)}/${end}`;

function ask() {
  asking ??= call("POST", "/api/recommend", { trigger: "open" }).then(settle).finally(() => { asking = null; });
  return asking;
}

function settle(result) {
  if (state.name === "undo") return;
  if (result.ok && result.body.tip) become({ name: "tip", answer: result.body });
  else if (result.ok) become({ name: "silence", answer: result.body });
  else become({ name: failure(result.status) });
}

function failure(status) {
  if (status === 401) return "signed-out";
  return status === 0 ? "offline" : "failed";
}

// --- what the screen says -------------------------------------------------------------------------------------------

function become(next) {
  const id = next.answer?.decision_id;
  const same = next.name === state.name && id && id === state.answer?.decision_id;
  state = next;
  if (!same) {
    closeWhy();
    render();
  }
  plan();
  reportShown();
}

function render() {
  const { name, answer } = state;
  document.body.dataset.state = name;
  sentence.textContent = {
    tip: () => answer.tip.text,
    undo: () => HEARD[state.kind],
    offline: () => "No connection.",
    failed: () => "oO cannot answer.",
    "signed-out": () => "This screen is not signed in.",
  }[name]?.() ?? "";
  tell({
    offline: "oO asks again as soon as there is one.",
    failed: "It will try again by itself.",
    "signed-out": location.hash === "#link-used" ? "That link was used or is too old. Get a new one with " : "Open a link from ",
    undo: state.note,
  }[name], name === "signed-out" ? "oo link" : "");
  mark.hidden = name !== "silence";
  undo.hidden = name !== "undo";
  gestures.hidden = name !== "tip";
  restart(find("window"));
}

function tell(text, code = "") {
  note.hidden = !text;
  note.replaceChildren(text || "");
  if (code) {
    const command = document.createElement("code");
    command.textContent = code;
    note.append(command, ".");
  }
}

function restart(animated) {
  animated.replaceWith(animated.cloneNode(true));
}

// Ask again at the next quarter hour, when the tip expires, or soon after a failure; a hidden page asks when it is seen.
function plan() {
  clearTimeout(timer);
  if (state.name === "undo" || state.name === "signed-out" || document.hidden) return;
  const now = Date.now();
  let wait = QUARTER_MS - (now % QUARTER_MS) + 1000;
  if (state.name === "tip") wait = Math.min(wait, Math.max(Date.parse(state.answer.tip.expires_at) - now, RETRY_MS));
  if (state.name === "offline" || state.name === "failed") wait = RETRY_MS;
  timer = setTimeout(ask, wait);
}

// A tip counts as shown once it was painted on a page that somebody can see.
function reportShown() {
  const id = state.name === "tip" && state.answer.decision_id;
  if (!id || shown.has(id) || document.hidden) return;
  requestAnimationFrame(() => requestAnimationFrame(async () => {
    if (document.hidden || state.answer?.decision_id !== id || shown.has(id)) return;
    shown.add(id);
    const result = await call("POST", decision(id, "shown"));
    if (result.status === 0 || result.status >= 500) shown.delete(id);
  }));
}

// --- the three answers and the way back ------------------------------------------------------------------------------

function react(kind) {
  if (state.name !== "tip") return;
  const answer = state.answer;
  const reaction = { decision_id: answer.decision_id, kind, idempotency_key: newKey() };
  become({ name: "undo", answer, kind });
  undo.focus({ preventScroll: true });
  pending = call("POST", "/api/reactions", reaction);
  timer = setTimeout(rest, UNDO_MS);
  pending.then((result) => heard(result, answer));
}

function heard(result, answer) {
  if (result.ok || state.answer !== answer) return;
  clearTimeout(timer);
  state = { name: "loading" };
  if (result.status === 0 || result.status >= 500) {
    become({ name: "tip", answer });
    tell("That was not saved. Please answer again.");
  } else ask();
}

function rest() {
  face.focus({ preventScroll: true });
  become({ name: "silence", answer: { reason: "resting", decision_id: null } });
  ask();
}

async function takeBack() {
  if (state.name !== "undo") return;
  const answer = state.answer;
  clearTimeout(timer);
  await pending;
  const result = await call("DELETE", `/api/reactions/${encodeURIComponent(answer.decision_id)}`);
  if (result.ok) {
    face.focus({ preventScroll: true });
    become({ name: "tip", answer });
  } else {
    rest();
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing on a plain http address of the house
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- why -----------------------------------------------------------------------------------------------------------

async function openWhy() {
  const { answer, name } = state;
  if (name !== "tip" && name !== "silence") return;
  const tip = answer.tip;
  find("because").textContent = tip ? tip.why : SILENCES[answer.reason] || SILENCES.not_worth_it;
  find("timing").textContent = tip ? tip.why_now : "";
  find("chance").textContent = answer.fallback ? simpler(answer) : "";
  find("evidence").hidden = true;
  why.hidden = false;
  document.body.dataset.why = "open";
  for (const button of [askWhy, mark]) button.setAttribute("aria-expanded", "true");
  askWhy.textContent = "close";
  why.scrollTop = 0;
  why.focus({ preventScroll: true });
  if (!answer.decision_id) return;
  const result = await call("GET", decision(answer.decision_id, "receipt"));
  if (result.ok && state.answer === answer && !why.hidden) explain(result.body, answer);
}

function explain(receipt, answer) {
  const counted = receipt.features.filter((feature) => !feature.masked && feature.contribution !== 0);
  counted.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const top = counted.slice(0, ROWS);
  const largest = Math.abs(top[0]?.contribution ?? 1);
  find("rows").replaceChildren(...top.map((feature) => row(feature, largest)));
  find("evidence").hidden = top.length === 0;
  const chance = `${percent(receipt.probability)} likely to be chosen${receipt.explored ? ", to learn something new" : ""}.`;
  const chosenBy = answer.fallback ? simpler(answer) : `Policy ${short(receipt.policy_digest)}.${receipt.posterior_version}`;
  find("chance").textContent = `${chance} ${chosenBy}`;
  find("left-out").textContent = receipt.left_out.join(" ");
}

function row(feature, largest) {
  const line = document.createElement("tr");
  const name = document.createElement("th");
  const value = document.createElement("td");
  const weight = document.createElement("td");
  const unit = /_min$/.test(feature.name) ? " min" : "";
  name.scope = "row";
  name.textContent = label(feature.name);
  value.textContent = `${Math.round(feature.value * 10) / 10}${unit}`;
  weight.append(bar(feature.contribution, largest));
  line.append(name, value, weight);
  return line;
}

function bar(contribution, largest) {
  const box = document.createElement("span");
  const ink = document.createElement("i");
  const spoken = document.createElement("span");
  box.className = "weight";
  ink.style.setProperty("--size", String(Math.abs(contribution) / largest));
  if (contribution < 0) ink.dataset.against = "";
  spoken.className = "unseen";
  spoken.textContent = `${contribution < 0 ? "against, " : "for, "}${Math.abs(contribution).toFixed(3)}`;
  box.append(ink, spoken);
  return box;
}

function closeWhy() {
  if (why.hidden) return;
  const inside = why.contains(document.activeElement);
  why.hidden = true;
  delete document.body.dataset.why;
  for (const button of [askWhy, mark]) button.setAttribute("aria-expanded", "false");
  askWhy.textContent = "why?";
  if (inside) (state.name === "silence" ? mark : askWhy).focus({ preventScroll: true });
}

function toggleWhy() {
  if (why.hidden) openWhy();
  else closeWhy();
}

function label(name) {
  const plain = name.replace(/_min$/, "").replace(/^tip\.tip$/, "a tip at all");
  return words(plain.replace(/^tip\./, "the tip's ").replace(/^masked\./, "without "));
}

const words = (name) => name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

const simpler = (answer) => `A simpler answer: ${answer.fallback.replaceAll("_", " ")}.`;

const short = (digest) => (digest.includes(":") ? digest.split(":")[1] : digest.slice(0, 8));

function percent(probability) {
  if (probability > 0 && probability < 0.01) return "Under 1 %";
  return `${Math.round(probability * 100)} %`;
}

const consents = consentScreen(call, (status) => {
  if (status === 401) become({ name: "signed-out" });
  else ask(); // a tip may have lost its ground
});

async function signOut() {
  const result = await call("POST", "/api/auth/logout");
  if (!result.ok && result.status !== 401) return;
  shown.clear();
  for (const id of ["because", "timing", "chance", "rows"]) find(id).replaceChildren();
  become({ name: "signed-out" });
}

// --- keys, swipes, and the world outside -----------------------------------------------------------------------------

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || consents.isOpen()) return;
  const reading = !why.hidden;
  if (event.key === "Escape") closeWhy();
  else if (event.key === "w" || event.key === "?" || (event.key === "ArrowUp" && !reading)) toggleWhy();
  else if (event.key === "c" && state.name !== "signed-out") consents.open();
  else if (event.key === "u" || event.key === "z") takeBack();
  else if (KEYS[event.key] && !(reading && event.key.startsWith("Arrow"))) react(KEYS[event.key]);
  else return;
  event.preventDefault();
}

let touch = null;

function onTouch(event) {
  if (event.pointerType === "mouse" || !event.isPrimary || event.target.closest("button, #why")) return;
  touch = { id: event.pointerId, x: event.clientX, y: event.clientY };
}

function meaning(event) {
  const dx = event.clientX - touch.x;
  const dy = event.clientY - touch.y;
  if (Math.max(Math.abs(dx), Math.abs(dy)) < SWIPE_PX) return null;
  if (Math.abs(dx) > 1.3 * Math.abs(dy)) return dx > 0 ? "done" : "not_now";
  if (Math.abs(dy) > 1.3 * Math.abs(dx)) return dy > 0 ? "not_for_me" : "why";
  return null;
}

function onDrag(event) {
  if (touch?.id !== event.pointerId || state.name !== "tip") return;
  const kind = meaning(event);
  sentence.style.transform = `translate(${(event.clientX - touch.x) * 0.3}px, ${(event.clientY - touch.y) * 0.3}px)`;
  for (const button of answers) button.toggleAttribute("data-lit", button.dataset.kind === kind);
}

function onRelease(event) {
  if (touch?.id !== event.pointerId) return;
  const kind = event.type === "pointerup" ? meaning(event) : null;
  touch = null;
  sentence.style.transform = "";
  for (const button of answers) button.removeAttribute("data-lit");
  if (kind === "why") openWhy();
  else if (kind) react(kind);
}

for (const button of answers) button.addEventListener("click", () => react(button.dataset.kind));
for (const button of [askWhy, mark]) button.addEventListener("click", toggleWhy);
undo.addEventListener("click", takeBack);
find("sign-out").addEventListener("click", signOut);
find("ask-consents").addEventListener("click", consents.open);
document.addEventListener("keydown", onKey);
face.addEventListener("pointerdown", onTouch);
for (const type of ["pointerup", "pointercancel"]) addEventListener(type, onRelease);
addEventListener("pointermove", onDrag);
addEventListener("online", ask);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (state.name !== "undo") ask();
});

if ("serviceWorker" in navigator) {
  const only = { createScriptURL: (url) => { if (url !== "/sw.js") throw new TypeError("not ours"); return url; } };
  const policy = globalThis.trustedTypes?.createPolicy("oo", only) ?? only;
  navigator.serviceWorker.register(policy.createScriptURL("/sw.js")).catch(() => {}); // the page works without it
}
ask();
