// @ts-check
/** Keeps the Gantt chart true: it is fetched again when the plan changes and while something runs, as long as somebody sees it. */
import { fetchFragment, replaceContent } from "./live.js";

const datasetId = document.getElementById("plan")?.dataset.dataset ?? "";
const chart = document.getElementById("gantt");
const changedMs = 1000;
/** A bar that goes on grows. */
const runningMs = 5000;

let isSeen = false;
let isStale = false;
/** @type {ReturnType<typeof setTimeout> | null} */
let timer = null;
let dueMs = 0;

/** @param {number} inMs */
function schedule(inMs) {
  const atMs = performance.now() + inMs;
  if (timer !== null) {
    if (dueMs <= atMs) return;
    clearTimeout(timer);
  }
  dueMs = atMs;
  timer = setTimeout(refresh, inMs);
}

async function refresh() {
  timer = null;
  if (chart === null || !isSeen || document.hidden) {
    isStale = true;
    return;
  }
  isStale = false;
  try {
    const fragment = await fetchFragment(`/component/plan/${datasetId}/gantt`);
    // Who is at a row by keyboard stays there.
    const row = document.activeElement?.closest("[data-row]")?.getAttribute("data-row");
    replaceContent(fragment, "gantt");
    if (row && chart.contains(document.activeElement) === false) {
      /** @type {HTMLElement | null} */ (chart.querySelector(`[data-row="${row}"] a`))?.focus({ preventScroll: true });
    }
  } catch {
    isStale = true; // the next change tries again
  }
  keepGrowing();
}

function keepGrowing() {
  if (chart?.querySelector('[data-live="true"]')) schedule(runningMs);
}

/** The plan has changed. */
export function refreshGantt() {
  schedule(changedMs);
}

if (chart !== null) {
  new IntersectionObserver(([entry]) => {
    isSeen = entry?.isIntersecting === true;
    if (isSeen && isStale) schedule(0);
  }).observe(chart);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isStale) schedule(0);
  });
  keepGrowing();
}
