/** Passes as rows: in the list, on a ship's page, and as cards on the home page. */
import { epochMsOf } from "../model/clock.ts";
import { duration } from "./figures.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";
import { completenessSentence } from "./pass-words.ts";
import type { ShownPass } from "./shown-pass.ts";

export function passTable(passes: readonly ShownPass[], nowMs: number): string {
  const columns = ["Pass", "State", "Ship", "Station", "AOS", "Duration", "Completeness", "Plan"];
  const rows = passes.map((shown) => {
    const { pass } = shown;
    const plan = pass.datasetId === null ? "" : `<a href="/plan/${pass.datasetId}">plan</a>`;
    return (
      `<tr><td><a class="id" href="/pass/${pass.passId}">${pass.passId}</a></td><td>${stateMarkup(pass.state)}</td>` +
      `<td><a href="/ship/${escapeHtml(pass.ship)}">${escapeHtml(pass.ship)}</a></td><td>${escapeHtml(pass.station ?? "")}</td>` +
      `<td>${timeMarkup(pass.aos, nowMs)}</td><td class="figure">${duration(windowS(shown))}</td>` +
      `<td>${outcome(shown)}</td><td>${plan}</td></tr>`
    );
  });
  return `<table class="passes stack"><thead><tr>${columns.map((column) => `<th>${column}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

/** The home page's cards: what is on now, and what was last. */
export function passCards(passes: readonly ShownPass[], nowMs: number): string {
  if (passes.length === 0) return "";
  const cards = passes.map(
    (shown) =>
      `<li class="card"><a class="stretched" href="/pass/${shown.pass.passId}">${escapeHtml(shown.pass.ship)}</a>` +
      `${stateMarkup(shown.pass.state)}<span class="when muted">${timeMarkup(shown.pass.aos, nowMs)}, ${duration(windowS(shown))}` +
      `${shown.pass.station === null ? "" : `, ${escapeHtml(shown.pass.station)}`}</span><span class="outcome">${outcome(shown)}</span></li>`,
  );
  return `<section aria-label="Newest passes"><ul class="pass-cards">${cards.join("")}</ul></section>`;
}

const windowS = ({ pass }: ShownPass): number => (epochMsOf(pass.los) - epochMsOf(pass.aos)) / 1000;

/** How complete it is; or why there is nothing. */
function outcome({ pass, ledger }: ShownPass): string {
  if (ledger !== null) return escapeHtml(completenessSentence(ledger));
  return `<span class="muted">${pass.reason === null ? "" : escapeHtml(pass.reason)}</span>`;
}
