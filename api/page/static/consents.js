// "What oO may do": the dialog with one switch a signal, when oO may speak, and the keys. The server decides; a switch
// shows what it answered.

import { fetchConsents, setConsent } from "./api.js";
import { areLettersOn, switchLetters } from "./gestures.js";
import { preferenceForm } from "./preferences.js";
import { find } from "./view.js";

/** @typedef {import("./api.js").Consent} Consent */

/** @type {Readonly<Record<string, string>>} */
const NAMES = Object.freeze({ context: "Device and place", tips: "Your answers" });
const FAILED = "That was not saved. Please try again.";

const dialog = /** @type {HTMLDialogElement} */ (find("consents"));
const list = find("signals");
const letters = find("letters");
const trouble = find("trouble");

/** The last status of a request that failed. */
let status = 200;
const preferences = preferenceForm(complain);

/**
 * Prepare the dialog.
 *
 * @param {(status: number) => void} closed - Told when the dialog goes away, with 401 where the session has ended.
 * @returns {void}
 */
export function prepareConsents(closed) {
  find("close-consents").addEventListener("click", () => dialog.close());
  letters.addEventListener("click", () => {
    switchLetters(!areLettersOn());
    paintLetters();
  });
  dialog.addEventListener("close", () => {
    list.replaceChildren();
    closed(status);
  });
}

/**
 * Return whether the dialog is open.
 *
 * @returns {boolean} True while it is.
 */
export function isConsentsOpen() {
  return dialog.open;
}

/**
 * Open the dialog and ask the server what it has recorded.
 *
 * @returns {Promise<void>} Ends when everything that the server told is shown.
 */
export async function openConsents() {
  if (dialog.open) return;
  status = 200;
  trouble.textContent = "";
  list.replaceChildren();
  paintLetters();
  dialog.showModal();
  dialog.scrollTop = 0;
  const speaking = preferences.open();
  show(await fetchConsents(), "oO cannot say what it reads. Please try again later.");
  list.querySelector("button")?.focus({ preventScroll: true });
  await speaking;
}

/** @type {(result: import("./api.js").Result<{ consents: Consent[] }>, complaint: string) => void} */
function show(result, complaint) {
  if (result.body) for (const consent of result.body.consents) paint(consent);
  else complain(complaint, result.status);
}

/** @type {(sentence: string, last?: number) => void} */
function complain(sentence, last = 200) {
  status = last;
  if (status === 401) dialog.close();
  else trouble.textContent = sentence;
}

/** @type {() => void} */
function paintLetters() {
  letters.setAttribute("aria-checked", String(areLettersOn()));
}

/** @type {(consent: Consent) => void} */
function paint({ signal, purpose, granted }) {
  const button = list.querySelector(`[data-signal="${CSS.escape(signal)}"]`) ?? add(signal, purpose);
  button.setAttribute("aria-checked", String(granted));
}

/** @type {(signal: string, purpose: string) => HTMLButtonElement} */
function add(signal, purpose) {
  const line = document.createElement("li");
  const button = document.createElement("button");
  const name = document.createElement("span");
  const reason = document.createElement("span");
  const knob = document.createElement("i");
  button.type = "button";
  button.dataset.signal = signal;
  button.setAttribute("role", "switch");
  name.id = `signal-${signal}`;
  reason.id = `purpose-${signal}`;
  button.setAttribute("aria-labelledby", name.id);
  button.setAttribute("aria-describedby", reason.id);
  name.textContent = NAMES[signal] ?? signal.replace(/^./u, (letter) => letter.toUpperCase());
  reason.textContent = purpose;
  reason.className = "small";
  knob.setAttribute("aria-hidden", "true");
  button.append(name, reason, knob);
  button.addEventListener("click", () => void change(button, signal));
  line.append(button);
  list.append(line);
  return button;
}

/** @type {(button: HTMLButtonElement, signal: string) => Promise<void>} */
async function change(button, signal) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  trouble.textContent = "";
  show(await setConsent(signal, button.getAttribute("aria-checked") !== "true"), FAILED);
  button.removeAttribute("aria-disabled");
}
