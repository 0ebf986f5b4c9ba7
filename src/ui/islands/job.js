// @ts-check
/** The page of a job: follows what it prints. Everything else of it is kept by `part.js`. */
import { followLog } from "./job-log.js";

const log = document.getElementById("log_text");
const note = document.getElementById("log_note");

if (log !== null && note !== null) {
  const whole = [...note.children];
  const stop = followLog(log, log.dataset.job ?? "", (said) => note.replaceChildren(`${said}. `, ...whole));
  window.addEventListener("pagehide", stop);
}
