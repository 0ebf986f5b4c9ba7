/**
 * What a parameter was: gathered from the files of archived passes and from what passes under way have received, in a bounded
 * number of rows, files and packets. What was left out is said.
 */
import type { JsonText } from "../model/json.ts";
import { listDecoded, listUndecoded } from "../store/decoded-passes.ts";
import type { Sql } from "../store/sql.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { coarseRowsMax, readHistory, type TakeSamples } from "./history-file.ts";
import { createHotHistory } from "./hot.ts";
import { type Samples, Series } from "./series.ts";

export interface HistoryAsk {
  readonly ship: string;
  readonly definition: JsonText;
  readonly parameter: string;
  /** Milliseconds since 1970; the end is not in it. */
  readonly startMs: number;
  readonly endMs: number;
  readonly rowsMax: number;
}

export interface HistoryRow extends Samples {
  readonly atMs: number;
}

/** What an answer does not show. All 0 and false: it is whole. */
export interface HistoryCuts {
  /** There are older passes in that time than were looked at. */
  readonly olderPasses: boolean;
  /** Archived passes whose files are not on this node. */
  readonly passesElsewhere: number;
  /** Passes under way that have more packets than were decoded for this answer: the next one goes on. */
  readonly passesBehind: number;
}

export interface HistoryAnswer {
  /** In the order of time. */
  readonly rows: readonly HistoryRow[];
  /** What a row spans; 1: it is a sample, or those of one millisecond. */
  readonly widthMs: number;
  readonly cuts: HistoryCuts;
}

export interface History {
  /** Rows of 1, 2, 4, 8 … ms: the finest that are no more than `rowsMax`. */
  range(ask: HistoryAsk): Promise<HistoryAnswer>;
  /** The newest rows, as fine as they are kept. */
  newest(ask: HistoryAsk): Promise<HistoryAnswer>;
}

/** Of one answer; 2 years of 5 passes a day. Measured: 4,000 files take 0.3 to 0.4 s. */
const passesMax = 4_000;
/** Whoever asks for the newest rows looks at fewer passes, but at all of each. */
const newestPassesMax = 64;
const runningPassesMax = 8;
const filesAtOnce = 16;

export function createHistory({ sql, telemetry }: { readonly sql: Sql; readonly telemetry: Telemetry }): History {
  const hot = createHotHistory(telemetry);

  /** `level` by how many passes there are: where coarse rows fill the answer, fine ones would not show. */
  async function gather(
    ask: HistoryAsk,
    countMax: number,
    levelFor: (passes: number) => "fine" | "coarse",
    take: TakeSamples,
  ): Promise<HistoryCuts> {
    const { ship, startMs, endMs, parameter, definition } = ask;
    const inRange: TakeSamples = (atMs, samples) => {
      if (atMs >= startMs && atMs < endMs && samples.n > 0) take(atMs, samples);
    };
    // First those under way: one that is archived meanwhile is then met in both, rather than in neither.
    const running = await listUndecoded(sql, ship, runningPassesMax);
    const found = await listDecoded(sql, { ship, startMs, endMs, countMax: countMax + 1 });
    const archived = found.slice(0, countMax);
    const level = levelFor(archived.length);
    let passesElsewhere = 0;
    const files = archived.values();
    const readSome = async (): Promise<void> => {
      for (const { history } of files) {
        if (!(await isRead(history.path, parameter, level, inRange))) passesElsewhere += 1;
      }
    };
    await Promise.all(Array.from({ length: filesAtOnce }, readSome));
    const archivedIds = new Set(archived.map(({ passId }) => passId));
    let passesBehind = 0;
    for (const { passId, token } of running) {
      if (archivedIds.has(passId)) continue;
      if (!(await hot.read({ ship, passId, token }, definition, parameter, inRange))) passesBehind += 1;
    }
    return { olderPasses: found.length > countMax, passesElsewhere, passesBehind };
  }

  return {
    async range(ask) {
      const series = new Series(1, ask.rowsMax);
      const levelFor = (passes: number) => (passes * coarseRowsMax >= ask.rowsMax ? "coarse" : "fine");
      const cuts = await gather(ask, passesMax, levelFor, (atMs, samples) => series.fold(series.row(atMs), 0, samples));
      const rows = series.rowsInTime().map((row) => ({ atMs: series.timeOf(row), ...series.samplesOf(row, 0) }));
      return { rows, widthMs: series.widthMs, cuts };
    },
    async newest(ask) {
      const rows: HistoryRow[] = [];
      const cuts = await gather(
        ask,
        newestPassesMax,
        () => "fine",
        (atMs, samples) => rows.push({ atMs, ...samples }),
      );
      rows.sort((a, b) => a.atMs - b.atMs);
      return { rows: rows.slice(-ask.rowsMax), widthMs: 1, cuts };
    },
  };
}

/** False: the file is on the node that received the pass, or gone. */
async function isRead(path: string, parameter: string, level: "fine" | "coarse", take: TakeSamples): Promise<boolean> {
  try {
    await readHistory(path, parameter, level, take);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
