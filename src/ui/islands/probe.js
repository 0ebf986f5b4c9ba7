// @ts-check
/** The form that runs a message dry: what would become of it is shown below, nothing is written. */
import { send } from "./ask.js";

const form = document.getElementById("probe_form");
const said = document.getElementById("probe_said");

/** @typedef {{ fault: { stage: string, error: string, stack: string | null } | null, tasks: object[], payloads: object[] }} Probed */

/** @param {Probed} probed */
function lineOf({ fault, tasks, payloads }) {
  if (fault !== null) return `It would be a dead letter (${fault.stage}): ${fault.error}`;
  return `${tasks.length} ${tasks.length === 1 ? "task" : "tasks"}, ${payloads.length} to sinks`;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(form instanceof HTMLFormElement) || said === null) return;
  const text = String(new FormData(form).get("message") ?? "");
  said.textContent = "…";
  try {
    /** @type {Probed} */
    const probed = await send("POST", form.dataset.url ?? "", JSON.stringify({ text }));
    const { fault, ...rest } = probed;
    const parts = [lineOf(probed), fault?.stack ?? "", JSON.stringify(rest, null, 2)];
    said.textContent = parts.filter((text) => text !== "").join("\n\n");
  } catch (error) {
    said.textContent = error instanceof Error ? error.message : String(error);
  }
});
