/** The newest decoded value of each parameter, its limit state by colour, shape and word. */
import type { LatestValue } from "../ground/latest.ts";
import { reading } from "./figures.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";

/** `warning_high` → the badge of a warning that reads "warning high". */
function limitMarkup(limit: LatestValue["limit"]): string {
  if (limit === null) return "";
  const [level = "ok"] = limit.split("_");
  return `<span class="state ${level === "ok" ? "normal" : level}">${limit.replace("_", " ")}</span>`;
}

export function latestTable(latest: Readonly<Record<string, LatestValue>>, nowMs: number): string {
  const rows = Object.entries(latest).map(([name, { value, unit, limit, packet, at }]) => {
    const text = value === null ? "not a number" : typeof value === "number" ? reading(value) : escapeHtml(value);
    return (
      `<tr><td>${escapeHtml(name)}</td><td class="number value">${text}</td><td>${escapeHtml(unit ?? "")}</td>` +
      `<td>${limitMarkup(limit)}</td><td class="muted">${escapeHtml(packet)}</td><td>${timeMarkup(at, nowMs)}</td></tr>`
    );
  });
  const head = ["Parameter", "Value", "Unit", "Limits", "Packet", "At"].map((column) => `<th>${column}</th>`).join("");
  return `<table class="values"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}
