/** Messages between actors as a sequence diagram: a lane each, time goes down. */
import { escapeHtml } from "../markup.ts";

export interface Lane {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
}

export interface Message {
  readonly from: string;
  readonly to: string;
  readonly text: string;
  /** The state that its receiver was in after it; null: nothing is said of it. */
  readonly state: string | null;
}

export interface Sequence {
  readonly lanes: readonly Lane[];
  readonly messages: readonly Message[];
  /** What did not fit, for people; null: everything did. */
  readonly leftOut: string | null;
}

const lanePx = 168;
const headPx = 52;
const messagePx = 34;
export const sequenceBounds = { lanes: 12, messages: 60 } as const;
const nameMax = 22;

export function sequenceMarkup({ lanes, messages, leftOut }: Sequence): string {
  if (messages.length === 0) return "";
  const used = lanes.filter(({ id }) => messages.some(({ from, to }) => from === id || to === id));
  const xOf = new Map(used.map(({ id }, i) => [id, lanePx / 2 + i * lanePx + 8]));
  const width = used.length * lanePx + 16;
  const height = headPx + messages.length * messagePx + 18;
  const heads = used.map(({ id, name, kind }) => {
    const x = xOf.get(id) ?? 0;
    return (
      `<g><path class="life" d="M${x} ${headPx - 6}V${height - 6}"/><rect class="head" x="${x - lanePx / 2 + 8}" y="6" width="${lanePx - 16}" height="40" rx="6"/>` +
      `<text class="lane" x="${x}" y="23">${escapeHtml(cut(name, nameMax))}<title>${escapeHtml(name)}</title></text><text class="kind" x="${x}" y="38">${escapeHtml(kind)}</text></g>`
    );
  });
  const drawn = messages.map((message, i) => messageSvg(message, xOf, headPx + 20 + i * messagePx));
  const label = `Sequence diagram: ${messages.length} messages between ${used.length} actors`;
  return (
    `<svg class="sequence" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">` +
    `<defs><marker id="message-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>` +
    `${heads.join("")}${drawn.join("")}</svg>${leftOut === null ? "" : `<p class="muted">${escapeHtml(leftOut)}</p>`}`
  );
}

function messageSvg({ from, to, text, state }: Message, xOf: ReadonlyMap<string, number>, y: number): string {
  const [x1, x2] = [xOf.get(from) ?? 0, xOf.get(to) ?? 0];
  const after = state === null ? "" : `<tspan class="after"> → ${escapeHtml(state)}</tspan>`;
  if (x1 === x2)
    return `<path class="message" d="M${x1} ${y}h22v12h-20"/><text class="said" x="${x1 + 28}" y="${y + 9}" text-anchor="start">${escapeHtml(cut(text, 40))}${after}</text>`;
  // Between neighbours a text is short of room: it stands at the middle of the arrow, over it.
  return `<path class="message" d="M${x1} ${y + 6}H${x2}"/><text class="said" x="${(x1 + x2) / 2}" y="${y}">${escapeHtml(cut(text, 60))}${after}</text>`;
}

const cut = (text: string, lengthMax: number): string =>
  text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`;

/** As a list, for those who do not see the drawing. */
export function sequenceList({ lanes, messages }: Sequence): string {
  const names = new Map(lanes.map(({ id, name }) => [id, name]));
  const items = messages.map(
    ({ from, to, text, state }) =>
      `<li>${escapeHtml(`${names.get(from) ?? from} to ${names.get(to) ?? to}: ${text}${state === null ? "" : `, then ${state}`}`)}</li>`,
  );
  return `<ol class="unseen">${items.join("")}</ol>`;
}
