// What the page can be doing, and what takes it from one state to the next. Nothing here touches the document.

/**
 * @typedef {"loading" | "tip" | "silence" | "sending" | "undoable" | "cancelling" | "undoing" | "resting" | "offline"
 *   | "failed" | "signed-out"} StateName
 * @typedef {"tip_received" | "silence_received" | "connection_lost" | "request_failed" | "session_ended"
 *   | "reaction_given" | "reaction_saved" | "reaction_lost" | "reaction_refused" | "undo_requested" | "window_closed"
 *   | "undo_saved" | "undo_failed"} EventName
 * @typedef {"tip" | "silence" | "undo" | "loading" | "offline" | "failed" | "signed-out"} ScreenName
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {{ name: StateName, answer: Answer | null, kind: Kind | null }} State
 * @typedef {{ answer?: Answer, kind?: Kind }} Details
 */

/** The events that an answer of the server to "what now?" can be, and where each leads. */
const ANSWERED = Object.freeze({
  tip_received: "tip",
  silence_received: "silence",
  connection_lost: "offline",
  request_failed: "failed",
  session_ended: "signed-out",
});

/**
 * The transition table; docs/page.md explains it. An event that a state does not name changes nothing.
 *
 * @type {Readonly<Record<StateName, Readonly<Partial<Record<EventName, StateName>>>>>}
 */
export const TRANSITIONS = Object.freeze({
  loading: ANSWERED,
  tip: { ...ANSWERED, reaction_given: "sending" },
  silence: ANSWERED,
  sending: {
    reaction_saved: "undoable",
    reaction_lost: "tip",
    reaction_refused: "loading",
    undo_requested: "cancelling",
    session_ended: "signed-out",
  },
  undoable: { undo_requested: "undoing", window_closed: "resting", session_ended: "signed-out" },
  cancelling: {
    reaction_saved: "undoing",
    reaction_lost: "undoing",
    reaction_refused: "loading",
    session_ended: "signed-out",
  },
  undoing: { undo_saved: "tip", undo_failed: "loading", session_ended: "signed-out" },
  resting: ANSWERED,
  offline: ANSWERED,
  failed: ANSWERED,
  "signed-out": ANSWERED,
});

/** @type {Readonly<Partial<Record<StateName, ScreenName>>>} */
const SHARED_SCREENS = Object.freeze({
  sending: "undo",
  undoable: "undo",
  cancelling: "undo",
  undoing: "undo",
  resting: "silence",
});

/**
 * Return what a person sees in a state: several states share one screen.
 *
 * @param {StateName} name - A state of the table.
 * @returns {ScreenName} The screen.
 */
export function screenOf(name) {
  return SHARED_SCREENS[name] ?? /** @type {ScreenName} */ (name);
}

/**
 * Return the event that an answer to "what now?" is.
 *
 * @param {import("./api.js").Result<Answer>} result - What the server answered to a request for a recommendation.
 * @returns {EventName} One of the events that every state outside a reaction accepts.
 */
export function eventOfAnswer(result) {
  if (result.body) return result.body.tip ? "tip_received" : "silence_received";
  if (result.status === 401) return "session_ended";
  return result.status === 0 ? "connection_lost" : "request_failed";
}

/**
 * Return the event that the end of a POST of a reaction is. Without an answer of the server, or with one of the 500s,
 * nobody knows whether the reaction was saved.
 *
 * @param {import("./api.js").Result<unknown>} result - What the server answered.
 * @returns {EventName} The event for `sending` and `cancelling`.
 */
export function eventOfReaction(result) {
  if (result.ok) return "reaction_saved";
  return result.status === 0 || result.status >= 500 ? "reaction_lost" : "reaction_refused";
}

/**
 * Make the one machine of the page, in the state `loading`.
 *
 * @param {(before: State, now: State) => void} changed - Told after each transition, also one that leads back to the same state.
 * @returns {{ now: () => State, send: (event: EventName, details?: Details) => void }} The state, and the way to move it.
 */
export function createMachine(changed) {
  /** @type {State} */
  let state = { name: "loading", answer: null, kind: null };

  /**
   * @param {EventName} event - What happened.
   * @param {Details} [details] - What to remember with the new state.
   * @returns {void}
   */
  function send(event, details = {}) {
    const name = TRANSITIONS[state.name][event];
    if (!name) return;
    const before = state;
    state = name === "signed-out" ? { name, answer: null, kind: null } : { ...state, ...details, name };
    changed(before, state);
  }

  return { now: () => state, send };
}
