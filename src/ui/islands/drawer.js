// @ts-check
/** The drawer of a product: opens from a row or a node, has an address of its own, follows the log, and is kept true while open. */
import { followLog } from "./job-log.js";
import { fetchFragment, replaceContent } from "./live.js";

const datasetId = document.getElementById("plan")?.dataset.dataset ?? "";
const parts = ["drawer_state", "drawer_actions", "drawer_why", "drawer_facts", "drawer_story", "drawer_json"];
/** A busy plan changes many times a second; the story of one product need not. */
const refreshMs = 1000;

/** The product asked for last, so that an answer that comes too late is not shown. @type {string | null} */
let wanted = null;
/** What had the focus before. @type {Element | null} */
let opener = null;
let stopLog = () => {};
let followed = "";

const drawer = () => document.getElementById("drawer");
/** @param {string} product */
const fetchDrawer = (product) => fetchFragment(`/component/plan/${datasetId}/product/${product}`);

function follow() {
  const jobId = document.getElementById("drawer_log")?.dataset.job ?? "";
  const log = document.getElementById("log");
  if (jobId === followed && jobId !== "") return;
  stopLog();
  followed = jobId;
  if (log === null || jobId === "") return;
  stopLog = followLog(log, jobId, (said) => {
    const state = document.getElementById("log_state");
    if (state && state.textContent !== said) state.textContent = said;
  });
}

function show() {
  for (const element of document.querySelectorAll(".needs-script")) element.removeAttribute("hidden");
  const product = drawer()?.dataset.product ?? "";
  for (const row of document.querySelectorAll("#products .chosen-row")) row.classList.remove("chosen-row");
  document.getElementById(`product-${product}`)?.classList.add("chosen-row");
  followed = "";
  follow();
}

/** @param {string} product @param {boolean} isNew whether the address must follow */
async function open(product, isNew) {
  wanted = product;
  if (drawer()?.dataset.product === product) return;
  if (drawer() === null) opener = document.activeElement;
  const next = (await fetchDrawer(product)).getElementById("drawer");
  if (wanted !== product || next === null) return;
  stopLog();
  drawer()?.remove();
  document.querySelector("main")?.append(document.importNode(next, true));
  if (isNew) history.pushState(null, "", `?product=${product}`);
  show();
  document.getElementById("drawer_title")?.focus();
}

/** @param {boolean} isNew */
function close(isNew) {
  wanted = null;
  if (drawer() === null) return;
  stopLog();
  followed = "";
  drawer()?.remove();
  document.querySelector("#products .chosen-row")?.classList.remove("chosen-row");
  if (isNew) history.pushState(null, "", location.pathname);
  if (opener instanceof HTMLElement || opener instanceof SVGElement) opener.focus();
}

/** @type {ReturnType<typeof setTimeout> | null} */
let due = null;
/** The plan has changed: what is shown may have. */
export function refreshDrawer() {
  if (drawer() === null || due !== null) return;
  due = setTimeout(async () => {
    due = null;
    const product = drawer()?.dataset.product;
    if (product === undefined) return;
    const fragment = await fetchDrawer(product).catch(() => null); // the next change tries again
    if (fragment === null || drawer()?.dataset.product !== product) return;
    for (const id of parts) replaceContent(fragment, id);
    const job = fragment.getElementById("drawer_log")?.dataset.job;
    const log = document.getElementById("drawer_log");
    if (job === undefined || log === null || log.dataset.job === job) return;
    log.dataset.job = job;
    replaceContent(fragment, "drawer_log");
    follow();
  }, refreshMs);
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const target = event.target instanceof Element ? event.target : null;
  const product = target?.closest("[data-open]")?.getAttribute("data-open");
  if (product) {
    event.preventDefault();
    open(product, true).catch(() => location.assign(`?product=${product}`));
  } else if (target?.closest("[data-close-drawer]")) {
    event.preventDefault();
    close(true);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && drawer() !== null && document.querySelector("dialog[open]") === null) close(true);
});
window.addEventListener("popstate", () => {
  const product = new URLSearchParams(location.search).get("product");
  if (product === null) close(false);
  else open(product, false).catch(() => location.reload());
});
window.addEventListener("pagehide", () => stopLog());
show();
