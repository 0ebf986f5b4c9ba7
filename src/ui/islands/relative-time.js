// @ts-check
/** Keeps every `<time>` relative to now, as the server wrote it first (markup.ts says the same thing). */

/** @param {string} instant @param {number} nowMs */
function relative(instant, nowMs) {
  const agoS = Math.round((nowMs - Date.parse(instant.replace(/(\.\d{3})\d+/, "$1"))) / 1000);
  const s = Math.abs(agoS);
  if (s < 3) return "just now";
  const amount =
    s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86_400 ? `${Math.floor(s / 3600)} h` : null;
  if (amount !== null) return agoS > 0 ? `${amount} ago` : `in ${amount}`;
  if (s >= 7 * 86_400) return instant.slice(0, 10);
  return agoS > 0 ? `${Math.floor(s / 86_400)} d ago` : `in ${Math.floor(s / 86_400)} d`;
}

function refresh() {
  if (document.hidden) return;
  const nowMs = Date.now();
  for (const time of document.querySelectorAll("time")) {
    const text = relative(time.dateTime, nowMs);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** The exact one by the reader's own clock, below that in UTC. @param {Event} event */
function tellLocal({ target }) {
  const time = target instanceof Element ? target.closest("time") : null;
  if (time === null) return;
  const [utc = ""] = time.title.split("\n");
  const local = new Date(time.dateTime.replace(/(\.\d{3})\d+/, "$1")).toLocaleString(undefined, {
    ...{ year: "numeric", month: "short", day: "numeric" },
    ...{ hour: "numeric", minute: "numeric", second: "numeric", timeZoneName: "short" },
  });
  time.title = `${utc}\n${local}`;
}

document.addEventListener("pointerover", tellLocal);
setInterval(refresh, 5000);
document.addEventListener("visibilitychange", refresh);

export {};
