// @ts-check
/** The form of a backfill: what it would make is shown as a table first; only that can then be started. */
import { ask, send } from "./ask.js";

const form = document.getElementById("backfill_form");
const preview = document.getElementById("backfill_preview");
/** Rows of the table; all are counted. */
const shownMax = 100;

/** @typedef {{ template: string, version: number, count: number, runs: { at: string | null, params: unknown }[] }} Planned */

/** @param {string} name @param {string} [text] @param {string} [className] */
function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

/** The request, put together from what is written, so that no digit is lost. @param {HTMLFormElement} of @param {boolean} isDry */
function bodyOf(of, isDry) {
  const fields = new FormData(of);
  const value = (/** @type {string} */ name) => String(fields.get(name) ?? "").trim();
  const params = value("params");
  if (params !== "") {
    try {
      JSON.parse(params);
    } catch {
      throw new Error("The parameters are no JSON object");
    }
  }
  const members = ["template", "from", "to", "step"].flatMap((name) =>
    value(name) === "" ? [] : [`"${name}":${JSON.stringify(value(name))}`],
  );
  members.push(`"concurrency":${Number(value("concurrency"))}`, `"dry_run":${isDry}`);
  if (params !== "") members.push(`"params":${params}`);
  return `{${members.join(",")}}`;
}

/** @param {unknown} error */
function refuse(error) {
  const fault = element("p", error instanceof Error ? error.message : String(error), "fault");
  fault.setAttribute("role", "alert");
  preview?.replaceChildren(fault);
}

/** @param {Planned} planned @param {string} body starts just this */
function show({ template, version, count, runs }, body) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of ["Run", "For", "Parameters"]) head.append(element("th", name));
  const rows = table.createTBody();
  for (const [i, { at, params }] of runs.slice(0, shownMax).entries()) {
    const row = rows.insertRow();
    row.append(element("td", String(i + 1)));
    row.append(element("td", at === null ? "" : `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`, "figure"));
    const cell = row.insertCell();
    cell.append(element("code", JSON.stringify(params), "extra"));
  }
  const card = element("section", "", "card table preview");
  card.tabIndex = 0;
  card.setAttribute("aria-label", "Runs that it would make");
  card.append(table);
  const more = count > shownMax ? `, the first ${shownMax} are shown` : "";
  const start = /** @type {HTMLButtonElement} */ (element("button", `Start ${count} ${count === 1 ? "run" : "runs"}…`));
  start.type = "button";
  start.onclick = () => begin(template, count, body);
  const foot = element("div", "", "form-foot");
  foot.append(start);
  const words = `${count} ${count === 1 ? "run" : "runs"} of ${template}, version ${version}${more}:`;
  preview?.replaceChildren(element("p", words), card, foot);
}

/** @param {string} template @param {number} count @param {string} body */
async function begin(template, count, body) {
  let id = "";
  // A repetition under the same key is the same backfill.
  const key = crypto.randomUUID?.() ?? String(Math.random());
  const isDone = await ask({
    title: `Start ${count} ${count === 1 ? "run" : "runs"} of ${template}?`,
    text: "They begin in order, as many at once as you said. Pausing the template holds them; cancelling the backfill ends them.",
    confirm: "Start",
    async run() {
      id = (await send("POST", "/api/backfill", body, { "Idempotency-Key": key })).id;
      return null;
    },
  });
  if (isDone) location.assign(`/backfill/${id}`);
}

form?.addEventListener("input", () => preview?.replaceChildren());
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(form instanceof HTMLFormElement)) return;
  try {
    const planned = await send("POST", "/api/backfill", bodyOf(form, true));
    show(planned, bodyOf(form, false));
  } catch (error) {
    refuse(error);
  }
});
