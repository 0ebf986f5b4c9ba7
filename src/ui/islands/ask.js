// @ts-check
/** Asks before something is done: a dialog that names what is affected, does it, and says what came of it. */
import { createFields } from "./fields.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text what is affected
 * @property {string} confirm the button's word
 * @property {readonly import("./fields.js").Field[]} [fields] what has to be given, or may be changed
 * @property {() => Promise<readonly string[]>} [preview] looked up before it may be confirmed: lines to show
 * @property {(say: (progress: string) => void, values: Record<string, string | number | null>) => Promise<Done>} run `values`: those of the fields; rejects with what to tell
 */
/** @typedef {{ text: string, lines?: readonly string[] } | null} Done what to say before the dialog closes; null: nothing */

/** A request as the signed-in viewer. Rejects with the problem's detail. @param {string} method @param {string} url @param {string} [body] JSON @param {Record<string, string>} [more] headers */
export async function send(method, url, body, more = {}) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", ...more };
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) }).catch(() => {
    throw new Error("The server cannot be reached: try again");
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.detail ?? `The server answered ${response.status}`);
  return answer;
}

/**
 * @param {string} name @param {string} text @param {string} [className]
 * @returns {HTMLElement}
 */
function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

/** @param {readonly string[]} lines */
function listOf(lines) {
  const list = element("ul", "", "ask-lines");
  list.append(...lines.map((line) => element("li", line)));
  list.tabIndex = 0;
  return list;
}

/** Resolves when the dialog is closed: true if it was done. @param {Question} question @returns {Promise<boolean>} */
export function ask(question) {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-labelledby", "ask_title");
  const title = element("h2", question.title);
  title.id = "ask_title";
  const said = element("div", "", "ask-said");
  said.setAttribute("aria-live", "polite");
  const cancel = /** @type {HTMLButtonElement} */ (element("button", "Cancel"));
  const confirm = /** @type {HTMLButtonElement} */ (element("button", question.confirm, "primary"));
  const buttons = element("div", "", "ask-buttons");
  buttons.append(cancel, confirm);
  const fields = question.fields === undefined ? null : createFields(question.fields, () => allow());
  const allow = () => {
    confirm.disabled = fields !== null && !fields.isReady();
  };
  allow();
  if ((question.fields?.length ?? 0) > 1) dialog.classList.add("wide");
  dialog.append(title, element("p", question.text), ...(fields?.elements ?? []), said, buttons);
  document.body.append(dialog);
  let isDone = false;

  /** @param {unknown} error */
  const refuse = (error) => {
    const fault = element("p", error instanceof Error ? error.message : String(error), "fault");
    fault.setAttribute("role", "alert");
    said.replaceChildren(fault);
  };

  if (question.preview !== undefined) {
    confirm.disabled = true;
    said.append(element("p", "Looking…", "muted"));
    question.preview().then((lines) => {
      said.replaceChildren(listOf(lines));
      confirm.disabled = false;
    }, refuse);
  }
  cancel.onclick = () => dialog.close();
  confirm.onclick = async () => {
    confirm.disabled = true;
    try {
      const done = await question.run(
        (progress) => said.replaceChildren(element("p", progress, "muted")),
        fields?.values() ?? {},
      );
      isDone = true;
      if (done === null) return dialog.close();
      said.replaceChildren(element("p", done.text, "done"), ...(done.lines?.length ? [listOf(done.lines)] : []));
      confirm.remove();
      cancel.textContent = "Close";
      cancel.focus();
    } catch (error) {
      refuse(error);
      confirm.disabled = false;
    }
  };
  dialog.showModal();
  (fields ?? cancel).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isDone);
    });
  });
}
