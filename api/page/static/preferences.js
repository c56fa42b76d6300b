// When oO may speak: saved at each change. The door decides; the form shows what it answered.

const FAILED = "That was not saved. Please try again.";

const form = document.getElementById("preferences");
const zones = form.elements.zone;

// `call` is the page's way to the door; `complain(sentence, status)` says what went wrong, and "" that nothing did.
export function preferenceForm(call, complain) {
  let known = null;

  async function open() {
    form.hidden = true;
    const result = await call("GET", "/api/preferences");
    if (!result.ok) return complain("oO cannot say when it may speak. Please try again later.", result.status);
    paint(result.body);
    form.hidden = false;
  }

  async function change({ target }) {
    if (!target.reportValidity()) return;
    complain("");
    const value = target.type === "number" ? target.valueAsNumber : target.value;
    const result = await call("PATCH", "/api/preferences", { [target.name]: value });
    if (!result.ok) complain(FAILED, result.status);
    paint(result.ok ? result.body : known);
  }

  function paint(preferences) {
    known = preferences;
    if (!zones.options.length) for (const zone of Intl.supportedValuesOf("timeZone")) zones.add(new Option(zone));
    if (![...zones.options].some((option) => option.value === known.zone)) zones.add(new Option(known.zone));
    for (const [name, value] of Object.entries(known)) form.elements[name].value = value;
  }

  form.addEventListener("change", change);
  form.addEventListener("submit", (event) => event.preventDefault());
  return { open };
}
