/**
 * Keeps the store's size bounded, once an hour: makes the partitions of the weeks to come, drops those of ended jobs that are
 * too old, and removes old rows of the small tables in batches of 1,000. Nodes that do it at once share the rows: none is removed twice.
 */
import type { Log } from "../observe/log.ts";
import { endFlowEvents, flowEventDays, pruneFlowEvents } from "../store/flow-events.ts";
import { pruneFlowTraces } from "../store/flow-traces.ts";
import { dropPartitions, makePartitions } from "../store/partitions.ts";
import { type Prune, pruneAnswers, pruneSeconds, pruneSources, pruneWorkers } from "../store/retention.ts";
import type { Sql } from "../store/sql.ts";
import { type Repeating, repeat } from "./repeat.ts";

const everyMs = 3_600_000;
const batchMax = 1000;
/** In one round: a backlog takes several, a minute apart, rather than the store's time. */
const batchesMax = 100;
const behindMs = 60_000;

const dayS = 86_400;
/** An answer under an idempotency key lives a day; null: as long as the record of what was run; 0: rows have their own time. */
const ages: readonly { readonly prune: Prune; readonly ageS: number | null }[] = [
  { prune: pruneAnswers, ageS: dayS },
  { prune: pruneSources, ageS: null },
  { prune: pruneSeconds, ageS: 3_600 },
  { prune: pruneWorkers, ageS: dayS },
  { prune: pruneFlowEvents, ageS: flowEventDays * dayS },
  { prune: pruneFlowTraces, ageS: 0 },
];

export function startRetention(sql: Sql, log: Log, recordDays: number): Repeating {
  const recordS = recordDays * dayS;
  let stopped = false;
  let goingOn: NodeJS.Timeout | undefined;
  const repeating = repeat("retention", everyMs, log, async () => {
    clearTimeout(goingOn);
    await makePartitions(sql, Date.now());
    const dropped = await dropPartitions(sql, Date.now() - recordS * 1000);
    if (dropped.length > 0) log.info({ dropped }, "partitions were dropped as they are older than the record is kept");
    let isBehind = false;
    for (const { prune, ageS } of ages) isBehind = (await isLeft(prune, ageS ?? recordS)) || isBehind;
    await endFlowEvents(sql);
    if (isBehind && !stopped) goingOn = setTimeout(repeating.now, behindMs);
  });

  /** Whether there may be more of them. */
  async function isLeft(prune: Prune, ageS: number): Promise<boolean> {
    for (let batch = 0; batch < batchesMax && !stopped; batch++)
      if ((await prune(sql, ageS, batchMax)) < batchMax) return false;
    return true;
  }
  return {
    ...repeating,
    stop() {
      stopped = true;
      clearTimeout(goingOn);
      return repeating.stop();
    },
  };
}
