// The page put together: what each state starts, when it asks again, and what each gesture does.

import { markShown, react, recommend, signOut, undo } from "./api.js";
import { isConsentsOpen, openConsents, prepareConsents } from "./consents.js";
import { listen, switchLetters } from "./gestures.js";
import { createMachine, eventOfAnswer, eventOfReaction, screenOf } from "./state.js";
import { find, show } from "./view.js";
import { closeWhy, forgetWhy, isWhyOpen, openWhy } from "./why.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./state.js").StateName} StateName
 */

const UNDO_MS = 5000;
const QUARTER_MS = 15 * 60 * 1000; // decision points lie on the quarter hour
const RETRY_MS = 15_000;
const KINDS = /** @type {const} */ (["done", "not_now", "not_for_me"]);
const WORKER = "/sw.js";

/** The decisions that were reported as shown. @type {Set<string>} */
const shown = new Set();

/** The question on its way. What is answered to an older one is dropped. @type {object | null} */
let question = null;
let timer = 0;
let reactedAt = 0;

const machine = createMachine((before, now) => {
  const isSame = now.name === before.name && now.answer?.decision_id === before.answer?.decision_id;
  if (!isSame) {
    show(before, now);
    closeWhy();
  }
  if (now.name !== before.name) STARTS[now.name]?.(now);
  plan(now);
  reportShown(now);
});

/**
 * What begins with a state.
 *
 * @type {Readonly<Partial<Record<StateName, (now: State) => void>>>}
 */
const STARTS = Object.freeze({ loading: ask, resting, sending, undoing, "signed-out": forget });

function ask() {
  if (question) return;
  const mine = {};
  question = mine;
  recommend().then((result) => {
    if (question !== mine) return;
    question = null;
    machine.send(eventOfAnswer(result), result.body ? { answer: result.body } : {});
  });
}

/** @type {(now: State) => void} */
function sending({ answer, kind }) {
  if (!answer?.decision_id || !kind) throw new TypeError("there is no tip to react to");
  question = null; // what was asked before the reaction is out of date
  reactedAt = Date.now();
  react(answer.decision_id, kind).then((result) => machine.send(eventOfReaction(result)));
}

/** @type {(now: State) => void} */
function undoing({ answer }) {
  if (!answer?.decision_id) throw new TypeError("there is no reaction to take back");
  undo(answer.decision_id).then(({ ok }) => machine.send(ok ? "undo_saved" : "undo_failed"));
}

/** A page that nobody sees asks when it is seen. */
function resting() {
  if (!document.hidden) ask();
}

function forget() {
  question = null;
  shown.clear();
  forgetWhy();
}

/**
 * Ask again at the next quarter hour, when the tip expires, or soon after a failure. A hidden page asks when it is seen.
 *
 * @type {(now: State) => void}
 */
function plan({ name, answer }) {
  clearTimeout(timer);
  if (name === "undoable") {
    timer = setTimeout(() => machine.send("window_closed"), Math.max(0, reactedAt + UNDO_MS - Date.now()));
    return;
  }
  const screen = screenOf(name);
  if (screen === "undo" || screen === "signed-out" || document.hidden) return;
  const now = Date.now();
  let wait = QUARTER_MS - (now % QUARTER_MS) + 1000;
  if (answer?.tip && screen === "tip") wait = Math.min(wait, Math.max(Date.parse(answer.tip.expires_at) - now, RETRY_MS));
  if (screen === "offline" || screen === "failed") wait = RETRY_MS;
  timer = setTimeout(ask, wait);
}

/**
 * Report a tip once it was painted on a page that somebody can see.
 *
 * @type {(now: State) => void}
 */
function reportShown({ name, answer }) {
  const id = answer?.decision_id;
  if (!id || name !== "tip" || shown.has(id) || document.hidden) return;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const { name: later, answer: latest } = machine.now();
    if (document.hidden || later !== "tip" || latest?.decision_id !== id || shown.has(id)) return;
    shown.add(id);
    markShown(id).then(({ status }) => {
      if (status === 0 || status >= 500) shown.delete(id);
    });
  }));
}

/**
 * Do what a gesture means; the table says where a reaction and an undo mean something.
 *
 * @type {(gesture: import("./gestures.js").Gesture) => void}
 */
function act(gesture) {
  const now = machine.now();
  if (gesture === "close" || (gesture === "toggle-why" && isWhyOpen())) closeWhy();
  else if (gesture === "why" || gesture === "toggle-why") openWhy(now);
  else if (gesture === "undo") machine.send("undo_requested");
  else if (gesture !== "consents") machine.send("reaction_given", { kind: gesture });
  else if (now.name !== "signed-out") openConsents();
}

async function leave() {
  const { ok, status } = await signOut();
  if (!ok && status !== 401) return;
  switchLetters(true);
  machine.send("session_ended");
}

/** @type {(url: string) => string} */
function onlyWorker(url) {
  if (url !== WORKER) throw new TypeError("not ours");
  return url;
}

/** Let the shell be kept for times without a connection; the page works without it. */
function registerWorker() {
  if (!("serviceWorker" in navigator)) return;
  const rules = { createScriptURL: onlyWorker };
  const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("oo", rules) ?? rules;
  navigator.serviceWorker.register(policy.createScriptURL(WORKER)).catch(() => null);
}

for (const kind of KINDS) {
  for (const button of document.querySelectorAll(`[data-kind="${kind}"]`)) button.addEventListener("click", () => act(kind));
}
for (const id of ["ask-why", "mark"]) find(id).addEventListener("click", () => act("toggle-why"));
find("undo").addEventListener("click", () => act("undo"));
find("sign-out").addEventListener("click", leave);
find("ask-consents").addEventListener("click", () => act("consents"));
prepareConsents((status) => {
  if (status === 401) machine.send("session_ended");
  else ask(); // a tip may have lost its ground
});
listen(act, {
  isReading: isWhyOpen,
  isElsewhere: isConsentsOpen,
  canAnswer: () => machine.now().name === "tip",
});
addEventListener("online", ask);
document.addEventListener("visibilitychange", () => {
  if (document.hidden && machine.now().name !== "undoable") clearTimeout(timer);
  else if (!document.hidden) ask();
});
registerWorker();
ask();
