/** A progress bar on standard error, for work that takes a while. Shown on a terminal only; programs see nothing of it. */
import process from "node:process";
import { duration } from "./words.ts";

export interface Progress {
  at(done: number): void;
  /** Takes the bar away: what comes next is written in its place. */
  end(): void;
}

const barChars = 28;
const redrawMs = 80;

/** `total` null: it is not known, only the count is shown. */
export function startProgress(
  what: string,
  total: number | null,
  stream: { isTTY?: boolean; write(text: string): unknown } = process.stderr,
): Progress {
  if (stream.isTTY !== true) return { at: () => {}, end: () => {} };
  const startedMs = performance.now();
  let drawnMs = Number.NEGATIVE_INFINITY;
  const draw = (done: number): void => {
    drawnMs = performance.now();
    const perS = done / Math.max((drawnMs - startedMs) / 1000, 0.001);
    const rate = `${Math.round(perS).toLocaleString("en")}/s`;
    if (total === null || total === 0) {
      stream.write(`\r\x1b[K${what} ${done.toLocaleString("en")} ${rate}`);
      return;
    }
    const share = Math.min(done / total, 1);
    const full = Math.round(share * barChars);
    const left = done > 0 && done < total ? `, ${duration(((total - done) / perS) * 1000)} left` : "";
    const bar = `${"█".repeat(full)}${"░".repeat(barChars - full)}`;
    stream.write(
      `\r\x1b[K${what} ${bar} ${Math.floor(share * 100)} % (${done.toLocaleString("en")} of ${total.toLocaleString("en")}, ${rate}${left})`,
    );
  };
  draw(0);
  return {
    at(done) {
      if (performance.now() - drawnMs >= redrawMs || done === total) draw(done);
    },
    end: () => void stream.write("\r\x1b[K"),
  };
}
