// @ts-check
/** Actions on a plan: the server says what one would change, a dialog shows it, and only then the request is sent. */

const datasetId = document.getElementById("plan")?.dataset.dataset ?? "";
const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("confirm"));
const toast = document.getElementById("toast");
const toastMs = 5000;

/** @param {string} action @param {string | undefined} product */
async function ask(action, product) {
  const query = new URLSearchParams({ action, ...(product && { product }) });
  const response = await fetch(`/component/plan/${datasetId}/effect?${query}`, { headers: { Accept: "text/html" } });
  const fragment = new DOMParser().parseFromString(await response.text(), "text/html");
  const form = fragment.getElementById("effect");
  if (dialog === null) return;
  if (form === null) return say(`This cannot be done now: the server answered ${response.status}`);
  dialog.replaceChildren(document.importNode(form, true));
  dialog.showModal();
}

/** @param {HTMLFormElement} form */
async function act(form) {
  const { method = "", url = "", body } = form.dataset;
  const button = form.querySelector("button[type=submit]");
  button?.setAttribute("disabled", "");
  const fault = await send(method, url, body);
  if (fault === null) {
    dialog?.close();
    return say(`Done: ${button?.textContent ?? ""}`);
  }
  button?.removeAttribute("disabled");
  const place = form.querySelector(".fault");
  if (place === null) return;
  place.textContent = fault;
  place.removeAttribute("hidden");
}

/** Null: done; else why not. @param {string} method @param {string} url @param {string | undefined} body */
async function send(method, url, body) {
  try {
    const response = await fetch(url, {
      method,
      headers: { "Content-Type": "application/json" },
      ...(body !== undefined && { body }),
    });
    if (response.ok) return null;
    const problem = await response.json().catch(() => ({}));
    return String(problem.detail ?? `The server answered ${response.status}`);
  } catch {
    return "The server cannot be reached: nothing is known of the request, look at the plan before trying again";
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiding;
/** @param {string} text */
function say(text) {
  if (toast === null) return;
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    toast.hidden = true;
  }, toastMs);
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const button = target?.closest("[data-action]");
  if (button instanceof HTMLElement) {
    ask(button.dataset.action ?? "", button.dataset.product).catch(() =>
      say("The server cannot be reached: try again"),
    );
  } else if (target?.closest("[data-close]") || target === dialog) dialog?.close();
});
dialog?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target instanceof HTMLFormElement) act(event.target);
});

export {};
