// @ts-check
/** The fields of a dialog: a text that has to be given, numbers that may be changed or taken away. What would change is said as it is typed. */

/**
 * As the page says them (actions.ts).
 * @typedef {object} Field
 * @property {string} name of its place in the body
 * @property {string} label
 * @property {"text" | "number"} kind a number may be left empty: that is null
 * @property {string} [value] as it is now
 * @property {string} [hint]
 * @property {Record<string, string | number>} [bounds] attributes of the input: maxlength, min, max, step
 */
/** @typedef {HTMLInputElement | HTMLTextAreaElement} Input */

/** @param {Field} field @returns {Input} */
function inputOf({ name, kind, value = "", bounds = {} }) {
  const input = document.createElement(kind === "text" ? "textarea" : "input");
  if (input instanceof HTMLInputElement) input.type = "number";
  else input.required = true;
  for (const [attribute, bound] of Object.entries(bounds)) input.setAttribute(attribute, String(bound));
  input.name = name;
  input.value = value;
  input.placeholder = kind === "number" ? "none" : "";
  return input;
}

/** @param {Field} field @param {Input} input */
function labelOf({ label, kind, hint }, input) {
  const made = document.createElement("label");
  const words = document.createElement("span");
  words.textContent = label;
  made.append(words, input);
  if (kind === "text") made.className = "wide";
  if (hint !== undefined) {
    const small = document.createElement("small");
    small.textContent = hint;
    words.append(" ", small);
  }
  return made;
}

/**
 * `onInput` is called whenever something was typed.
 * @param {readonly Field[]} fields @param {() => void} onInput
 */
export function createFields(fields, onInput) {
  const all = fields.map((field) => ({ field, input: inputOf(field) }));
  const grid = document.createElement("div");
  grid.className = "fields";
  grid.append(...all.map(({ field, input }) => labelOf(field, input)));
  const changes = document.createElement("p");
  changes.className = "changes";
  changes.setAttribute("aria-live", "polite");

  const changed = () => all.filter(({ field, input }) => input.value.trim() !== (field.value ?? ""));
  const isValid = () => all.every(({ input }) => input.checkValidity());
  grid.addEventListener("input", () => {
    changes.textContent = changed()
      .filter(({ field }) => field.kind === "number")
      .map(({ field, input }) => `${field.label}: ${field.value || "none"} → ${input.value || "none"}`)
      .join("; ");
    onInput();
  });
  return {
    elements: [grid, changes],
    focus: () => all[0]?.input.focus(),
    /** Something would change, and all of it can be sent. */
    isReady: () => isValid() && changed().length > 0,
    /** Members of a body: those that would change. @returns {Record<string, string | number | null>} */
    values: () =>
      Object.fromEntries(
        changed().map(({ field: { name, kind }, input: { value } }) => [
          name,
          kind === "text" ? value.trim() : value === "" ? null : Number(value),
        ]),
      ),
  };
}
