/** Removes old attempts, ended jobs and stored answers, in batches of 1,000, an hour apart. */
import type { Log } from "../observe/log.ts";
import { type Prune, pruneAnswers, pruneAttempts, pruneJobs } from "../store/retention.ts";
import type { Sql } from "../store/sql.ts";
import { type Repeating, repeat } from "./repeat.ts";

const everyMs = 3_600_000;
const batchMax = 1000;
/** In one round: a backlog takes several, rather than the store's time. */
const batchesMax = 100;

const dayS = 86_400;
/** An answer under an idempotency key lives a day; the record of what was run three months. */
const ages: readonly { readonly prune: Prune; readonly ageS: number }[] = [
  { prune: pruneAnswers, ageS: dayS },
  { prune: pruneAttempts, ageS: 90 * dayS },
  { prune: pruneJobs, ageS: 90 * dayS },
];

export function startRetention(sql: Sql, log: Log): Repeating {
  let stopped = false;
  const repeating = repeat("retention", everyMs, log, async () => {
    for (const { prune, ageS } of ages) {
      for (let batch = 0; batch < batchesMax && !stopped; batch++) {
        if ((await prune(sql, ageS, batchMax)) < batchMax) break;
      }
    }
  });
  return {
    stop() {
      stopped = true;
      return repeating.stop();
    },
  };
}
