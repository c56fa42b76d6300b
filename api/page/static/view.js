// What the screen shows in each state. Personal text only ever enters the page as textContent.

import { screenOf } from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./state.js").ScreenName} ScreenName
 */

/** What is said after a reaction. */
const HEARD = Object.freeze({ done: "Done.", not_now: "Later, then.", not_for_me: "Understood. Not for you." });

/** @type {Readonly<Partial<Record<ScreenName, string>>>} */
const SENTENCES = Object.freeze({
  offline: "No connection.",
  failed: "oO cannot answer.",
  "signed-out": "This screen is not signed in.",
});

/** @type {Readonly<Partial<Record<ScreenName, string>>>} */
const NOTES = Object.freeze({
  offline: "oO asks again as soon as there is one.",
  failed: "It will try again by itself.",
});

/**
 * Return an element of the page.
 *
 * @param {string} id - Its id.
 * @returns {HTMLElement} The element.
 * @throws {Error} If the page has none, which is a fault of index.html.
 */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

const face = find("face");
const sentence = find("sentence");
const note = find("note");
const undo = find("undo");

/**
 * Show a state.
 *
 * @param {State} before - The state that was shown.
 * @param {State} now - The state to show.
 * @returns {void}
 */
export function show(before, now) {
  const screen = screenOf(now.name);
  document.body.dataset.screen = screen;
  document.body.dataset.state = now.name;
  sentence.textContent = sentenceOf(now);
  if (screen === "signed-out") noteSignIn();
  else say(noteOf(before, now));
  find("mark").hidden = screen !== "silence";
  find("gestures").hidden = screen !== "tip";
  undo.hidden = screen !== "undo";
  undo.setAttribute("aria-disabled", String(now.name === "cancelling" || now.name === "undoing"));
  moveFocus(screenOf(before.name), screen);
}

/**
 * Let the sentence follow a finger.
 *
 * @param {number} dx - How far to the right, in CSS pixels.
 * @param {number} dy - How far down, in CSS pixels.
 * @returns {void}
 */
export function pull(dx, dy) {
  sentence.style.transform = dx || dy ? `translate(${dx * 0.3}px, ${dy * 0.3}px)` : "";
}

/** @type {(now: State) => string} */
function sentenceOf({ name, answer, kind }) {
  const screen = screenOf(name);
  if (screen === "tip") return answer?.tip?.text ?? "";
  if (screen === "undo") return kind ? HEARD[kind] : "";
  return SENTENCES[screen] ?? "";
}

/** @type {(before: State, now: State) => string} */
function noteOf(before, now) {
  if (before.name === "sending" && now.name === "tip") return "That was not saved. Please answer again.";
  return NOTES[screenOf(now.name)] ?? "";
}

/** @type {(text: string) => void} */
function say(text) {
  note.hidden = text === "";
  note.textContent = text;
}

/** Say how to sign in; a link that was used leads to an address of its own. */
function noteSignIn() {
  const used = location.hash === "#link-used";
  const command = document.createElement("code");
  command.textContent = "oo link";
  note.hidden = false;
  note.replaceChildren(used ? "That link was used or is too old. Get a new one with " : "Open a link from ", command, ".");
}

/** @type {(before: ScreenName, now: ScreenName) => void} */
function moveFocus(before, now) {
  if (now === before) return;
  if (now === "undo") undo.focus({ preventScroll: true });
  else if (before === "undo") face.focus({ preventScroll: true });
}
