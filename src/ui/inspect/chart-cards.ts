/** The cards of a chart: a state each, a row a transition, texts in lines that fit. */
import type { Chart, ChartTransition } from "./machine.ts";

export interface ChartRow {
  readonly event: string;
  /** Lines of text below the event: its guard, its actions. */
  readonly lines: readonly { readonly kind: "guard" | "action"; readonly text: string }[];
  readonly target: string | null;
  readonly yPx: number;
  readonly heightPx: number;
}

export interface ChartCard {
  readonly name: string;
  readonly kind: "anywhere" | "plain" | "final";
  readonly isInitial: boolean;
  readonly xPx: number;
  readonly yPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Its entry and exit actions and what it invokes, below its name. */
  readonly notes: readonly string[];
  readonly rows: readonly ChartRow[];
}

export type Unplaced = Omit<ChartCard, "xPx" | "yPx" | "widthPx">;

export const chartSizes = {
  widePx: 208,
  narrowPx: 128,
  headPx: 28,
  linePx: 14,
  notePx: 14,
  padPx: 6,
  charactersMax: 29,
} as const;
export const anywhere = "any state";

export function cardsOf(chart: Chart): Unplaced[] {
  const states = chart.states.map((state) => {
    const notes = [
      ...state.entry.map((name) => `entry / ${name}`),
      ...state.exit.map((name) => `exit / ${name}`),
      ...state.invoked.map((name) => `invoke ${name}`),
    ].flatMap((text) => wrapped(text));
    const kind = state.isFinal ? ("final" as const) : ("plain" as const);
    return cardOf(state.name, kind, state.isInitial, notes, state.transitions);
  });
  return chart.anywhere.length === 0 ? states : [cardOf(anywhere, "anywhere", false, [], chart.anywhere), ...states];
}

function cardOf(
  name: string,
  kind: ChartCard["kind"],
  isInitial: boolean,
  notes: readonly string[],
  transitions: readonly ChartTransition[],
): Unplaced {
  const { headPx, linePx, notePx, padPx } = chartSizes;
  let yPx = headPx + notes.length * notePx + (notes.length > 0 ? padPx : 0);
  const rows = transitions.map(({ event, guard, actions, target }): ChartRow => {
    const lines = [
      ...wrapped(guard === null ? "" : `[${guard}]`).map((text) => ({ kind: "guard" as const, text })),
      ...wrapped(said(target, actions)).map((text) => ({
        kind: "action" as const,
        text,
      })),
    ];
    const heightPx = (1 + lines.length) * linePx + padPx;
    const row = { event, lines, target: target === name ? null : target, yPx, heightPx };
    yPx += heightPx;
    return row;
  });
  return { name, kind, isInitial, notes, rows, heightPx: yPx + (rows.length > 0 ? 2 : 0) };
}

/** Nothing done and nowhere gone: the event is declared so that no other rule takes it. */
function said(target: string | null, actions: readonly string[]): string {
  if (actions.length > 0) return `/ ${actions.join(", ")}`;
  return target === null ? "ignored" : "";
}

/** In lines that a card has room for. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= chartSizes.charactersMax)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Pixels a character, of the fonts of inspect.css: names are bold, the rest has one width. */
const characterPx = { name: 8, event: 6.7, small: 6.4 } as const;
const tagPx = 58;

/** How wide a card must be for its texts. */
export function textWidthOf({ name, notes, rows }: Unplaced): number {
  const widths = [name.length * characterPx.name + tagPx, ...notes.map((text) => 20 + text.length * characterPx.small)];
  for (const { event, lines } of rows) {
    widths.push(20 + event.length * characterPx.event);
    for (const { text } of lines) widths.push(28 + text.length * characterPx.small);
  }
  return Math.max(...widths);
}
