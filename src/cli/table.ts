/** Tables for people: aligned, no wider than their terminal; piped, nothing is cut off. */
import process from "node:process";
import { type Colour, clean, painted } from "./words.ts";

export interface Column<Row> {
  readonly title: string;
  /** Numbers are aligned to the right. */
  of(row: Row): string | number | null | undefined;
  colour?(row: Row): Colour;
  /** May be cut off when the terminal is narrow; ids are not, as they are copied. */
  readonly shrinks?: boolean;
}

const gap = "  ";
const shrunkCharsMin = 8;

/** `width`: of the terminal; null cuts nothing. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number | null = terminalWidth(),
): string {
  const cells = rows.map((row) => columns.map((column) => cellOf(column.of(row))));
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[i]?.text ?? ""))),
  );
  shrink(widths, columns, width);
  const line = (
    texts: readonly string[],
    isRight: (i: number) => boolean,
    paint: (text: string, i: number) => string,
  ) =>
    texts
      .map((text, i) => {
        const shown = cut(text, widths[i] ?? 0);
        const space = " ".repeat(Math.max(0, (widths[i] ?? 0) - widthOf(shown)));
        const isLast = i === texts.length - 1;
        return isRight(i) ? space + paint(shown, i) : paint(shown, i) + (isLast ? "" : space);
      })
      .join(gap)
      .trimEnd();
  const numeric = columns.map(
    (_, i) => cells.some((row) => row[i]?.isNumber) && cells.every((row) => row[i]?.isNumber || row[i]?.text === "-"),
  );
  const isRight = (i: number) => numeric[i] === true;
  const head = line(
    columns.map(({ title }) => title.toUpperCase()),
    isRight,
    (text) => painted(text, "dim"),
  );
  const body = cells.map((row, r) =>
    line(
      row.map(({ text }) => text),
      isRight,
      (text, i) => {
        const source = rows[r];
        return source === undefined ? text : painted(text, columns[i]?.colour?.(source) ?? "plain");
      },
    ),
  );
  return `${[head, ...body].join("\n")}\n`;
}

/** `name  value` lines of one thing. Values that are absent are left out. */
export function details(pairs: readonly (readonly [string, string | number | null | undefined])[]): string {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== "-");
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)));
  return shown.map(([name, value]) => `${painted(name.padEnd(width), "dim")}${gap}${value}\n`).join("");
}

export function terminalWidth(): number | null {
  return process.stdout.isTTY === true && process.stdout.columns > 0 ? process.stdout.columns : null;
}

function cellOf(value: string | number | null | undefined): { text: string; isNumber: boolean } {
  return typeof value === "number" ? { text: String(value), isNumber: true } : { text: clean(value), isNumber: false };
}

/** Takes from the widest column that may shrink, until all fit or none can give more. */
function shrink<Row>(widths: number[], columns: readonly Column<Row>[], width: number | null): void {
  if (width === null) return;
  const total = () => widths.reduce((sum, one) => sum + one, gap.length * (widths.length - 1));
  for (let over = total() - width; over > 0; over--) {
    let widest = -1;
    for (const [i, column] of columns.entries()) {
      if (column.shrinks && (widths[i] ?? 0) > shrunkCharsMin && (widths[i] ?? 0) > (widths[widest] ?? 0)) widest = i;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  for (const character of text) {
    if (widthOf(kept + character) >= width) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Columns of a terminal: East Asian wide characters and pictures take two, marks that combine take none. */
export function widthOf(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(character)) continue;
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return columns;
}
