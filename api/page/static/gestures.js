// Keys and swipes, and what each means. Single letters can be switched off (WCAG 2.1.4); arrows and Escape stay.

import { find, pull } from "./view.js";

/**
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {Kind | "why" | "toggle-why" | "close" | "undo" | "consents"} Gesture
 * @typedef {{ isReading: () => boolean, isElsewhere: () => boolean, canAnswer: () => boolean }} Page What the page is
 *   doing: whether a text is open that arrows scroll, whether a dialog has the keys, whether there is a tip to answer.
 */

const SWIPE_PX = 64;
const STRAIGHT = 1.3; // a swipe goes this many times farther along one axis than along the other
const STORED_AS = "oo.single-letter-shortcuts";

/** @type {Readonly<Record<string, Gesture>>} */
const LETTERS = Object.freeze({
  d: "done",
  n: "not_now",
  x: "not_for_me",
  w: "toggle-why",
  "?": "toggle-why",
  u: "undo",
  z: "undo",
  c: "consents",
});

/** @type {Readonly<Record<string, Gesture>>} */
const ARROWS = Object.freeze({ ArrowRight: "done", ArrowLeft: "not_now", ArrowDown: "not_for_me", ArrowUp: "why" });

/** @type {NodeListOf<HTMLButtonElement>} */
const answers = document.querySelectorAll("#gestures [data-kind]");

/** @type {NodeListOf<HTMLButtonElement>} */
const lettered = document.querySelectorAll("[data-letter]");

/** Where the one finger went down. @type {{ id: number, x: number, y: number } | null} */
let touch = null;

/**
 * Return whether single letters are shortcuts in this browser.
 *
 * @returns {boolean} True unless they were switched off.
 */
export function areLettersOn() {
  return storage()?.getItem(STORED_AS) !== "off";
}

/**
 * Switch single letters on or off, in this browser, and show them beside the buttons or not.
 *
 * @param {boolean} on - Whether they are shortcuts.
 * @returns {void}
 */
export function switchLetters(on) {
  if (on) storage()?.removeItem(STORED_AS);
  else storage()?.setItem(STORED_AS, "off");
  announceKeys();
}

/**
 * Listen to keys and fingers.
 *
 * @param {(gesture: Gesture) => void} act - Does what a gesture means.
 * @param {Page} page - What the page is doing.
 * @returns {void}
 */
export function listen(act, page) {
  document.addEventListener("keydown", (event) => onKey(event, act, page));
  find("face").addEventListener("pointerdown", onTouch);
  addEventListener("pointermove", (event) => onDrag(event, page.canAnswer()));
  for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) {
    addEventListener(type, (event) => onRelease(event, act));
  }
  announceKeys();
}

/** Tell screen readers, and the eye, which keys there are. */
function announceKeys() {
  const on = areLettersOn();
  document.body.toggleAttribute("data-letters-off", !on);
  for (const button of lettered) {
    const keys = [on && button.dataset.letter, button.dataset.arrow].filter(Boolean).join(" ");
    if (keys) button.setAttribute("aria-keyshortcuts", keys);
    else button.removeAttribute("aria-keyshortcuts");
  }
}

/** @returns {Storage | null} What this browser remembers, or null where it is told to remember nothing. */
function storage() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

/** @type {(event: KeyboardEvent, act: (gesture: Gesture) => void, page: Page) => void} */
function onKey(event, act, page) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || page.isElsewhere()) return;
  const gesture = gestureOf(event.key, page.isReading());
  if (!gesture) return;
  event.preventDefault();
  act(gesture);
}

/** @type {(key: string, reading: boolean) => Gesture | undefined} */
function gestureOf(key, reading) {
  if (key === "Escape") return "close";
  if (key in ARROWS) return reading ? undefined : ARROWS[key];
  return areLettersOn() ? LETTERS[key] : undefined;
}

/** @type {(event: PointerEvent) => void} */
function onTouch(event) {
  const target = /** @type {Element} */ (event.target);
  if (event.pointerType === "mouse" || !event.isPrimary || target.closest("button, #why")) return;
  touch = { id: event.pointerId, x: event.clientX, y: event.clientY };
}

/** @type {(event: PointerEvent, answerable: boolean) => void} */
function onDrag(event, answerable) {
  if (touch?.id !== event.pointerId || !answerable) return;
  const dx = event.clientX - touch.x;
  const dy = event.clientY - touch.y;
  const gesture = directionOf(dx, dy);
  pull(dx, dy);
  for (const button of answers) button.toggleAttribute("data-lit", button.dataset.kind === gesture);
}

/** @type {(event: PointerEvent, act: (gesture: Gesture) => void) => void} */
function onRelease(event, act) {
  if (touch?.id !== event.pointerId) return;
  const gesture = event.type === "pointerup" ? directionOf(event.clientX - touch.x, event.clientY - touch.y) : null;
  touch = null;
  pull(0, 0);
  for (const button of answers) delete button.dataset.lit;
  if (gesture) act(gesture);
}

/** @type {(dx: number, dy: number) => Gesture | null} */
function directionOf(dx, dy) {
  if (Math.max(Math.abs(dx), Math.abs(dy)) < SWIPE_PX) return null;
  if (Math.abs(dx) > STRAIGHT * Math.abs(dy)) return dx > 0 ? "done" : "not_now";
  if (Math.abs(dy) > STRAIGHT * Math.abs(dx)) return dy > 0 ? "not_for_me" : "why";
  return null;
}
