// @ts-check
/** The form that triggers a template: opened in a dialog, sent as JSON, and on to the run that it made. */
import { send } from "./ask.js";

const form = document.getElementById("trigger_form");

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-open], button[data-close]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  const dialog =
    button.dataset.open === undefined ? button.closest("dialog") : document.getElementById(button.dataset.open);
  if (!(dialog instanceof HTMLDialogElement)) return;
  if (dialog.open) dialog.close();
  else dialog.showModal();
});

/** JSON is put together from what is written, so that no digit of it is lost. @param {HTMLFormElement} of */
function paramsOf(of) {
  const members = [];
  for (const field of of.querySelectorAll("[data-type]")) {
    const { name, value } = /** @type {HTMLInputElement} */ (field);
    if (value === "") continue; // the default, or none
    const isJson = field.getAttribute("data-type") === "json";
    if (isJson) check(name, value);
    members.push(`${JSON.stringify(name)}:${isJson ? value : JSON.stringify(value)}`);
  }
  return `{${members.join(",")}}`;
}

/** @param {string} name @param {string} json */
function check(name, json) {
  try {
    JSON.parse(json);
  } catch {
    throw new Error(`${name}: this is no JSON. A text needs quotes: "like this"`);
  }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(form instanceof HTMLFormElement)) return;
  const [said, button] = [form.querySelector(".ask-said"), form.querySelector("button[type=submit]")];
  if (!(button instanceof HTMLButtonElement) || said === null) return;
  button.disabled = true;
  try {
    const template = encodeURIComponent(form.dataset.template ?? "");
    const plan = await send("POST", `/api/template/${template}/trigger`, `{"params":${paramsOf(form)}}`);
    location.assign(`/run/${plan.dataset.id}`);
  } catch (error) {
    const fault = document.createElement("p");
    fault.className = "fault";
    fault.setAttribute("role", "alert");
    fault.textContent = error instanceof Error ? error.message : String(error);
    said.replaceChildren(fault);
    button.disabled = false;
  }
});
