// Why this tip, or why this silence: the words of the answer at once, then what counted, from the receipt.

import { fetchReceipt } from "./api.js";
import { screenOf } from "./state.js";
import { find } from "./view.js";

/**
 * @typedef {import("./api.js").Answer} Answer
 * @typedef {import("./api.js").Feature} Feature
 * @typedef {import("./api.js").Receipt} Receipt
 * @typedef {import("./state.js").State} State
 */

const ROWS = 6;
const NOTHING = "Nothing is worth an interruption right now.";

/** @type {Readonly<Record<string, string>>} */
const SILENCES = Object.freeze({
  not_worth_it: NOTHING,
  nothing_fits: "Nothing fits this moment.",
  silence_holds: "oO chose to be silent until the next quarter hour.",
  resting: "You have answered. oO rests until the next quarter hour.",
  quiet_hours: "These are your quiet hours.",
  in_event: "You are in an event.",
  budget_spent: "Today's interruptions are spent.",
});

const panel = find("why");
const openers = [find("ask-why"), find("mark")];

/** The answer that is being explained; a receipt that comes later than that is dropped. @type {Answer | null} */
let explained = null;

/**
 * Return whether the panel is open.
 *
 * @returns {boolean} True while it is.
 */
export function isWhyOpen() {
  return !panel.hidden;
}

/**
 * Open the panel, where there is something to explain.
 *
 * @param {State} state - The state of the page; only a tip and a silence have a reason.
 * @returns {Promise<void>} Ends when the receipt is shown, or when there is none.
 */
export async function openWhy(state) {
  const screen = screenOf(state.name);
  if (screen !== "tip" && screen !== "silence") return;
  const answer = state.name === "resting" ? null : state.answer; // the answer of `resting` is the tip reacted to
  explained = answer;
  summarise(answer, state.name);
  reveal(true);
  panel.scrollTop = 0;
  panel.focus({ preventScroll: true });
  if (!answer?.decision_id) return;
  const { body } = await fetchReceipt(answer.decision_id);
  if (body && explained === answer) explain(body, answer);
}

/**
 * Close the panel and give the focus back to what opens it.
 *
 * @returns {void}
 */
export function closeWhy() {
  if (panel.hidden) return;
  const focused = panel.contains(document.activeElement);
  explained = null;
  reveal(false);
  if (focused) openers.find((button) => button.offsetParent)?.focus({ preventScroll: true });
}

/**
 * Take every word about a person out of the closed panel.
 *
 * @returns {void}
 */
export function forgetWhy() {
  explained = null;
  for (const id of ["because", "timing", "chance", "left-out", "rows"]) find(id).replaceChildren();
}

/** @type {(open: boolean) => void} */
function reveal(open) {
  panel.hidden = !open;
  document.body.toggleAttribute("data-why", open);
  for (const button of openers) button.setAttribute("aria-expanded", String(open));
  find("ask-why").textContent = open ? "close" : "why?";
}

/** @type {(answer: Answer | null, name: string) => void} */
function summarise(answer, name) {
  const silence = SILENCES[answer?.reason ?? name] ?? NOTHING;
  find("because").textContent = answer?.tip?.why ?? silence;
  find("timing").textContent = answer?.tip?.why_now ?? "";
  find("chance").textContent = simpler(answer);
  find("left-out").textContent = "";
  find("evidence").hidden = true;
}

/** @type {(receipt: Receipt, answer: Answer) => void} */
function explain(receipt, answer) {
  const counted = receipt.features.filter((feature) => !feature.masked && feature.contribution !== 0);
  counted.sort((one, other) => Math.abs(other.contribution) - Math.abs(one.contribution));
  const largest = Math.abs(counted[0]?.contribution ?? 1);
  const rows = counted.slice(0, ROWS).map((feature) => row(feature, largest));
  find("rows").replaceChildren(...rows);
  find("evidence").hidden = rows.length === 0;
  const chance = `${percent(receipt.probability)} likely to be chosen${receipt.explored ? ", to learn something new" : ""}.`;
  const policy = `Policy ${short(receipt.policy_digest)}.${receipt.posterior_version}`;
  find("chance").textContent = `${chance} ${simpler(answer) || policy}`;
  find("left-out").textContent = receipt.left_out.join(" ");
}

/** @type {(feature: Feature, largest: number) => HTMLTableRowElement} */
function row(feature, largest) {
  const line = document.createElement("tr");
  const name = document.createElement("th");
  const value = document.createElement("td");
  const weight = document.createElement("td");
  name.scope = "row";
  name.textContent = label(feature.name);
  value.textContent = `${Math.round(feature.value * 10) / 10}${feature.name.endsWith("_min") ? " min" : ""}`;
  weight.append(bar(feature.contribution, largest));
  line.append(name, value, weight);
  return line;
}

/** @type {(contribution: number, largest: number) => HTMLElement} */
function bar(contribution, largest) {
  const box = document.createElement("span");
  const ink = document.createElement("i");
  const spoken = document.createElement("span");
  box.className = "weight";
  ink.style.setProperty("--size", String(Math.abs(contribution) / largest));
  ink.toggleAttribute("data-against", contribution < 0);
  spoken.className = "unseen";
  spoken.textContent = `${contribution < 0 ? "against" : "for"}, ${Math.abs(contribution).toFixed(3)}`;
  box.append(ink, spoken);
  return box;
}

/** @type {(name: string) => string} */
function label(name) {
  const plain = name.replace(/_min$/u, "").replace(/^tip\.tip$/u, "a tip at all");
  return words(plain.replace(/^tip\./u, "the tip's ").replace(/^masked\./u, "without "));
}

/** @type {(name: string) => string} */
const words = (name) => name.replaceAll("_", " ").replace(/^./u, (letter) => letter.toUpperCase());

/** @type {(answer: Answer | null) => string} */
const simpler = (answer) => (answer?.fallback ? `A simpler answer: ${answer.fallback.replaceAll("_", " ")}.` : "");

/** @type {(digest: string) => string} */
const short = (digest) => (digest.includes(":") ? digest.slice(digest.indexOf(":") + 1) : digest.slice(0, 8));

/** @type {(probability: number) => string} */
function percent(probability) {
  if (probability > 0 && probability < 0.01) return "Under 1 %";
  return `${Math.round(probability * 100)} %`;
}
