// @ts-check
/** Follows what a job prints, from its first line to its end; keeps to the bottom as long as the reader is there. */

const log = document.getElementById("log");
const text = document.getElementById("log_text");
const note = document.getElementById("log_empty");
/** What is shown at most: the last of it. */
const lengthMax = 400_000;
let length = 0;
let token = 0;

/** @param {string} line */
function append(line) {
  if (log === null || text === null) return;
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 24;
  text.append(line);
  length += line.length;
  while (length > lengthMax && text.firstChild !== null && text.childNodes.length > 1) {
    length -= text.firstChild.textContent?.length ?? 0;
    text.firstChild.remove();
  }
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

/** @param {string} words */
function say(words) {
  if (note === null) return;
  note.textContent = words;
  note.hidden = words === "";
}

function follow() {
  say("Nothing printed yet. What it prints is shown here as it comes.");
  const events = new EventSource(`/api/job/${log?.dataset.job}/log?follow=true`);
  events.addEventListener("line", ({ data }) => {
    const line = JSON.parse(data);
    say("");
    if (line.token !== token && token !== 0) append(`── next attempt ──\n`);
    token = line.token;
    append(line.text);
  });
  events.addEventListener("end", () => {
    events.close();
    if (length === 0) say("It printed nothing.");
  });
  window.addEventListener("pagehide", () => events.close());
}

follow();

export {};
