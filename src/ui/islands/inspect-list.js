// @ts-check
/** The list of actors: asked for again every two seconds while somebody sees it, as what is in memory comes and goes. */
import { fetchFragment, replaceContent } from "./live.js";

const part = document.getElementById("inspect_part");
const note = document.getElementById("live_state");

async function refresh() {
  if (part === null || document.hidden) return;
  let isOn = true;
  try {
    replaceContent(await fetchFragment(part.getAttribute("data-part") ?? ""), part.id);
  } catch {
    isOn = false; // the next round tries again
  }
  if (note === null) return;
  note.hidden = false;
  note.classList.toggle("on", isOn);
  note.textContent = isOn ? "Live" : "Connecting";
}

setInterval(refresh, 2000);
refresh();
