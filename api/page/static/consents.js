// What oO may read: one switch a signal, each with what it is for. The door decides; the screen shows what it answered.

import { preferenceForm } from "/preferences.js";

const NAMES = { context: "Device and place", tips: "Your answers" };
const FAILED = "That was not saved. Please try again.";

const find = (id) => document.getElementById(id);
const screen = find("consents");
const list = find("signals");
const trouble = find("trouble");

// `call` is the page's way to the door; `closed(status)` is told the last status when the screen goes away.
export function consentScreen(call, closed) {
  let status = 200;
  const preferences = preferenceForm(call, complain);

  async function open() {
    if (screen.open) return;
    status = 200;
    trouble.textContent = "";
    list.replaceChildren();
    screen.showModal();
    const speaking = preferences.open();
    show(await call("GET", "/api/consents"), "oO cannot say what it reads. Please try again later.");
    list.querySelector("button")?.focus({ preventScroll: true });
    await speaking;
  }

  async function change(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    const signal = button.dataset.signal;
    button.setAttribute("aria-disabled", "true");
    trouble.textContent = "";
    show(await call("POST", "/api/consents", { signal, granted: button.getAttribute("aria-checked") !== "true" }), FAILED);
    button.removeAttribute("aria-disabled");
  }

  function show(result, complaint) {
    if (!result.ok) return complain(complaint, result.status);
    for (const consent of result.body.consents) paint(consent);
  }

  function complain(sentence, last = 200) {
    status = last;
    if (status === 401) screen.close();
    else trouble.textContent = sentence;
  }

  function paint({ signal, purpose, granted }) {
    const button = list.querySelector(`[data-signal="${CSS.escape(signal)}"]`) ?? add(signal, purpose);
    button.setAttribute("aria-checked", String(granted));
  }

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
    name.textContent = NAMES[signal] ?? signal.replace(/^./, (letter) => letter.toUpperCase());
    reason.textContent = purpose;
    reason.className = "small";
    knob.setAttribute("aria-hidden", "true");
    button.append(name, reason, knob);
    button.addEventListener("click", () => change(button));
    line.append(button);
    list.append(line);
    return button;
  }

  find("close-consents").addEventListener("click", () => screen.close());
  screen.addEventListener("close", () => {
    list.replaceChildren();
    closed(status);
  });
  return { open, isOpen: () => screen.open };
}
