// @ts-check
/**
 * A part of a page that the server sends again whenever it says something else (part-stream.ts). While the page is hidden nothing
 * is listened to.
 */
import { fetchFragment } from "./live.js";
import { morphChildren } from "./morph.js";

const part = document.getElementById("part");
const url = part?.dataset.live ?? "";

/** @param {string} html */
function show(html) {
  const fragment = new DOMParser().parseFromString(`<div id="part">${html}</div>`, "text/html");
  put(fragment);
}

/** @param {Document} fragment */
function put(fragment) {
  const next = fragment.getElementById("part");
  if (part !== null && next !== null) morphChildren(part, next);
}

/** After an action: its outcome is not waited for. */
export async function refreshPart() {
  if (url !== "") put(await fetchFragment(url));
}

/** @param {boolean} isOn */
function note(isOn) {
  const live = document.getElementById("live_state");
  if (live === null) return;
  live.hidden = false;
  live.classList.toggle("on", isOn);
  live.textContent = isOn ? "Live" : "Connecting";
}

/** @type {EventSource | null} */
let events = null;

function listen() {
  if (document.hidden || url === "") {
    events?.close();
    events = null;
    return;
  }
  if (events !== null) return;
  events = new EventSource(url);
  events.onopen = () => note(true);
  events.onerror = () => note(false);
  events.addEventListener("part", (event) => show(JSON.parse(event.data).html));
}

listen();
document.addEventListener("visibilitychange", listen);
window.addEventListener("pageshow", listen);
window.addEventListener("pagehide", () => {
  events?.close();
  events = null;
});
