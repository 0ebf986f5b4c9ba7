// @ts-check
/** An actor's page: hears of its events by the inspector's socket, logs them, and fetches what else is shown. Keys step through its past. */
import { fetchFragment, replaceContent } from "./live.js";

const part = /** @type {HTMLElement | null} */ (document.getElementById("inspect_part"));
const note = document.getElementById("live_state");
const log = document.getElementById("live_log");
const list = document.getElementById("live_events");
const missed = document.getElementById("live_missed");
const shownMax = 100;
const root = part?.dataset.root ?? "";
const actor = part?.dataset.actor ?? "";

let isBusy = false;
let isDue = false;

/** One request at a time, at most ten a second. */
async function refresh() {
  isDue = true;
  if (isBusy || part === null) return;
  isBusy = true;
  while (isDue) {
    isDue = false;
    try {
      const fragment = await fetchFragment(part.dataset.part ?? "");
      for (const id of [part.id, "inspect_context"]) replaceContent(fragment, id);
      if (root === "") say(true);
    } catch {
      // the next event, or a reload, shows it
      if (root === "") say(false);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  isBusy = false;
}

/** @param {string} text @param {string} [name] @param {string} [kind] */
function piece(text, name, kind = "span") {
  const element = document.createElement(kind);
  element.textContent = text;
  if (name !== undefined) element.className = name;
  return element;
}

/** @typedef {{ type: string, sessionId?: string, createdAt?: string, count?: number, event?: { type: string }, snapshot?: { value: string, context: { name?: string } | null }, orrery?: { machine: string, before: string | null, guards: string[], actions: string[], revision: number | null, cause: string | null } }} Message */

/** @param {Message} message */
function show(message) {
  if (list === null || log === null || message.orrery === undefined) return;
  const { before, guards, actions, machine, revision } = message.orrery;
  const state = message.snapshot?.value ?? "";
  const at = new Date(Number(message.createdAt));
  const time = piece(at.toISOString().slice(11, 23), "muted", "time");
  time.title = at.toISOString();
  const item = document.createElement("li");
  if (message.sessionId === actor) item.className = "own";
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.append(time, " ", piece(message.event?.type ?? "", undefined, "code"), " ");
  if (before !== null && before !== state) summary.append(piece(`${before} →`, "muted"), " ");
  summary.append(piece(state, "after"), " ");
  const by = [...guards.map((guard) => `[${guard}]`), ...actions].join(", ");
  summary.append(
    piece(
      message.sessionId === actor ? by : `${machine} ${message.snapshot?.context?.name ?? message.sessionId}`,
      "muted",
    ),
  );
  const text = JSON.stringify({ event: message.event, context: message.snapshot?.context, revision }, null, 2);
  details.append(summary, piece(text, undefined, "pre"));
  item.append(details);
  log.hidden = false;
  list.prepend(item);
  while (list.childElementCount > shownMax) list.lastElementChild?.remove();
}

/** @param {boolean} isOn */
function say(isOn) {
  if (note === null) return;
  note.hidden = false;
  note.classList.toggle("on", isOn);
  note.textContent = isOn ? "Live" : "Connecting";
}

let lost = 0;
let waitMs = 500;
/** @type {WebSocket | null} */
let socket = null;

function connect() {
  const address = new URL(`/inspect/ws?${new URLSearchParams({ root, notices: "1" })}`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  socket.onopen = () => {
    say(true);
    waitMs = 500;
    refresh();
  };
  socket.onmessage = ({ data }) => {
    /** @type {Message} */
    const message = JSON.parse(data);
    if (message.type === "@orrery.missed" && missed !== null) {
      lost += message.count ?? 0;
      missed.hidden = false;
      missed.textContent = `${lost} messages came quicker than they could be shown and are left out here; the log above has every committed turn.`;
    }
    if (message.type !== "@xstate.snapshot") return;
    show(message);
    refresh();
  };
  socket.onclose = () => {
    say(false);
    setTimeout(connect, waitMs);
    waitMs = Math.min(10_000, waitMs * 2);
  };
}

/** Steps without leaving the page. @param {string} href */
async function go(href) {
  if (part === null) return;
  const url = new URL(href, location.href);
  part.dataset.part = `/component${url.pathname}${url.search}`;
  history.replaceState(null, "", url);
  await refresh();
}

document.addEventListener("click", (event) => {
  if (!(event instanceof MouseEvent) || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  const link = event.target instanceof Element ? event.target.closest(".travel a, .log td:first-child a") : null;
  if (!(link instanceof HTMLAnchorElement)) return;
  event.preventDefault();
  const rel = link.rel;
  go(link.href).then(() => {
    // Its place is taken by a new link.
    if (rel !== "")
      /** @type {HTMLElement | null} */ (document.querySelector(`.travel [rel=${rel}], .travel a`))?.focus();
  });
});

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  // A region that scrolls sideways needs these keys itself.
  if (target instanceof Element && target.matches("input, select, textarea, summary, section[tabindex]")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = rel === undefined ? null : document.querySelector(`.travel a[rel=${rel}]`);
  if (!(link instanceof HTMLAnchorElement)) return;
  event.preventDefault();
  go(link.href);
});

if (root !== "") connect();
// No socket tells of it: its page is asked for again.
else setInterval(() => document.hidden || refresh(), 2000);
window.addEventListener("pagehide", () => {
  if (socket === null) return;
  socket.onclose = null;
  socket.close();
});
