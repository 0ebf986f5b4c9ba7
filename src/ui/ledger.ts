/** The loss ledger of a pass as markup: its figures, where lost packets went, the APIDs with their gaps, the rejects. */
import type { ApidJson, LedgerJson } from "../ground/ledger-json.ts";
import { count, duration, share, size } from "./figures.ts";
import { escapeHtml, figuresMarkup, timeMarkup } from "./markup.ts";
import { type Loss, losses } from "./pass-words.ts";

export function ledgerFigures(ledger: LedgerJson, ratePerS: number | null): string {
  const rejected = losses(ledger).find(({ key }) => key === "rejected")?.packets ?? 0;
  return figuresMarkup([
    ["Completeness", ledger.received === 0 ? "–" : share(ledger.completeness)],
    ["Received", count(ledger.received), `in ${count(ledger.datagrams)} datagrams`],
    ["Mean rate", ratePerS === null ? "–" : `${count(ratePerS)}/s`],
    ["Stored", count(ledger.stored), `${size(ledger.bytes)} came`],
    [
      "Missing",
      count(ledger.missing),
      ledger.outage_ms > 0
        ? `outages: ${ledger.outage_ms < 1000 ? "under 1 s" : duration(ledger.outage_ms / 1000)}`
        : undefined,
    ],
    ["Rejected", count(rejected)],
    ["Duplicates", count(ledger.duplicates), `${count(ledger.out_of_order)} out of order`],
  ]);
}

const barWidth = 1000;

/** A bar of what was lost, by account, and its legend. */
export function attribution(ledger: LedgerJson): string {
  const lost = losses(ledger);
  const unknown =
    ledger.kernel_drops === null ? `<p class="muted">Drops in the kernel are not known on this system.</p>` : "";
  if (lost.length === 0) {
    const words = ledger.received === 0 ? "No packet has come yet." : "Nothing was lost.";
    return `<p class="muted">${words}</p>${unknown}`;
  }
  const total = lost.reduce((sum, { packets }) => sum + packets, 0);
  let x = 0;
  const rects = lost.map((loss) => {
    const width = Math.max(4, (loss.packets / total) * barWidth);
    const rect = `<rect class="${loss.key}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"></rect>`;
    x += width;
    return rect;
  });
  const surplus =
    ledger.unattributed > 0
      ? `<p class="muted">${count(ledger.unattributed)} of these left no gap in any sequence: they may never have been the ship's packets.</p>`
      : "";
  return (
    `<svg class="losses" viewBox="0 0 ${x.toFixed(1)} 10" preserveAspectRatio="none" aria-hidden="true">${rects.join("")}</svg>` +
    `<ul class="legend">${lost.map(legendItem).join("")}</ul>${surplus}${unknown}`
  );
}

const legendItem = ({ key, packets, words }: Loss): string =>
  `<li class="${key}"><b>${count(packets)}</b> ${words}</li>`;

export function rejects(ledger: LedgerJson): string {
  const reasons = Object.entries(ledger.rejected).filter(([, packets]) => packets > 0);
  if (reasons.length === 0) return "";
  return `<ul class="reasons">${reasons
    .map(([reason, packets]) => `<li><b>${count(packets)}</b> ${escapeHtml(reason.replaceAll("_", " "))}</li>`)
    .join("")}</ul>`;
}

/** More gaps than this are in the API's answer. */
const gapsShownMax = 50;

export function apidTable(ledger: LedgerJson, nowMs: number): string {
  const head = ["APID", "Received", "Stored", "Missing", "Duplicates", "Out of order", "Sequence", "Gaps"]
    .map((name) => `<th>${name}</th>`)
    .join("");
  const rows = ledger.apids.map(
    (apid) =>
      `<tr><td class="number">${apid.apid}</td><td class="number">${count(apid.received)}</td>` +
      `<td class="number">${count(apid.stored)}</td><td class="number">${count(apid.missing)}</td>` +
      `<td class="number">${count(apid.duplicates)}</td><td class="number">${count(apid.out_of_order)}</td>` +
      `<td class="number">${apid.first_count === null ? "–" : `${apid.first_count}…${apid.last_count}`}</td>` +
      `<td>${gaps(apid, nowMs)}</td></tr>`,
  );
  return `<table class="apids"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function gaps(apid: ApidJson, nowMs: number): string {
  const total = apid.gaps.length + apid.gaps_omitted;
  if (total === 0) return `<span class="muted">none</span>`;
  const shown = apid.gaps.slice(0, gapsShownMax);
  const items = shown.map((gap) => {
    const marks = `${gap.outage ? ", outage" : ""}${gap.ambiguous ? ", at least" : ""}`;
    return `<li><b>${count(gap.count)}</b> after ${gap.after}${marks}, ${timeMarkup(gap.at, nowMs)}</li>`;
  });
  const more = total > shown.length ? `<li class="muted">and ${count(total - shown.length)} more</li>` : "";
  return `<details id="gaps-${apid.apid}"><summary>${count(total)}</summary><ol>${items.join("")}${more}</ol></details>`;
}
