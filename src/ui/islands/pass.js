// @ts-check
/** A pass: its counters, ledger and values kept true in place. The list of passes too. */
import { fetchFragment, keepLive, replaceContent } from "./live.js";

const part = document.querySelector("[data-part]");
const url = part?.getAttribute("data-part") ?? "";

async function refresh() {
  const fragment = await fetchFragment(url);
  if (part) replaceContent(fragment, part.id);
}

const wanted = { pass: () => {}, alarm: () => {} };
keepLive({ query: part?.getAttribute("data-events") ?? "", refresh, missed: () => {}, wanted });
