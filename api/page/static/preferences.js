// When oO may speak: saved at each change. The server decides; the form shows what it answered.

import { fetchPreferences, setPreference } from "./api.js";
import { find } from "./view.js";

/** @typedef {import("./api.js").Preferences} Preferences */

const FAILED = "That was not saved. Please try again.";

const form = /** @type {HTMLFormElement} */ (find("preferences"));
const zones = /** @type {HTMLSelectElement} */ (form.elements.namedItem("zone"));

/** What the server last told. @type {Preferences | null} */
let known = null;

/**
 * Prepare the form.
 *
 * @param {(sentence: string, status?: number) => void} complain - Says what went wrong, and "" that nothing did.
 * @returns {{ open: () => Promise<void> }} The way to fill and show it.
 */
export function preferenceForm(complain) {
  form.addEventListener("change", (event) => {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target);
    if (field.reportValidity()) void save(field, complain);
  });
  form.addEventListener("submit", (event) => event.preventDefault());

  return {
    async open() {
      form.hidden = true;
      const { body, status } = await fetchPreferences();
      if (body) paint(body);
      else complain("oO cannot say when it may speak. Please try again later.", status);
      form.hidden = !body;
    },
  };
}

/** @type {(field: HTMLInputElement | HTMLSelectElement, complain: (sentence: string, status?: number) => void) => Promise<void>} */
async function save(field, complain) {
  complain("");
  const value = field instanceof HTMLInputElement && field.type === "number" ? field.valueAsNumber : field.value;
  const { body, status } = await setPreference(field.name, value);
  if (!body) complain(FAILED, status);
  const stands = body ?? known;
  if (stands) paint(stands);
}

/** @type {(preferences: Preferences) => void} */
function paint(preferences) {
  known = preferences;
  if (zones.options.length === 0) for (const zone of Intl.supportedValuesOf("timeZone")) zones.add(new Option(zone));
  if (!Array.from(zones.options).some((option) => option.value === preferences.zone)) {
    zones.add(new Option(preferences.zone));
  }
  for (const [name, value] of Object.entries(preferences)) {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (form.elements.namedItem(name));
    field.value = String(value);
  }
}
