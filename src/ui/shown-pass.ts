/** A pass as its pages show it: its row, and what it has received as far as it was last noted. */
import type { LivePass } from "../ground/ground.ts";
import type { LatestValue } from "../ground/latest.ts";
import type { LedgerJson } from "../ground/ledger-json.ts";
import type { AppParts } from "../http/parts.ts";
import { epochMsOf, type Instant } from "../model/clock.ts";
import { hasEnded, type PassProgress, type PassRow } from "../model/pass.ts";
import { findProgress } from "../store/pass-progress.ts";

export interface ShownPass {
  readonly pass: PassRow;
  /** null: nothing was noted yet. */
  readonly ledger: LedgerJson | null;
  readonly latest: Readonly<Record<string, LatestValue>>;
  readonly notedAt: Instant | null;
  /** Null: this node does not hold it. */
  readonly live: Pick<LivePass, "packetsPerSecond"> | null;
}

function shownPass(pass: PassRow, progress: PassProgress | null): ShownPass {
  if (progress === null) return { pass, ledger: null, latest: {}, notedAt: null, live: null };
  // Both were written by us as JSON of these very types.
  const ledger = JSON.parse(progress.ledger) as LedgerJson;
  const latest = JSON.parse(progress.latest) as Record<string, LatestValue>;
  return { pass, ledger, latest, notedAt: progress.at, live: null };
}

/** What the node that holds the pass knows at first hand is newer than what was noted last. */
function shownLive(shown: ShownPass, live: LivePass, latest: ShownPass["latest"], now: Instant): ShownPass {
  const pass = { ...shown.pass, state: live.state, reason: live.reason ?? shown.pass.reason };
  const known = Object.keys(latest).length > 0 ? latest : shown.latest;
  return { pass, ledger: live.ledger, latest: known, notedAt: now, live };
}

/** Packets a second, over the time that the port was open inside the pass's window. */
export function meanRatePerS({ pass, ledger, notedAt }: ShownPass): number | null {
  if (ledger === null || notedAt === null || pass.openedAt === null) return null;
  const fromMs = Math.max(epochMsOf(pass.openedAt), epochMsOf(pass.aos));
  const openS = (Math.min(epochMsOf(notedAt), epochMsOf(pass.los)) - fromMs) / 1000;
  return openS < 1 ? null : ledger.received / openS;
}

/** As they were noted, and those that this node holds as they are. */
export async function withProgress(
  { clock, database, ground }: Pick<AppParts, "database" | "clock" | "ground">,
  rows: readonly PassRow[],
): Promise<ShownPass[]> {
  if (rows.length === 0) return [];
  const progress = await findProgress(
    database.sql,
    rows.map(({ passId }) => passId),
  );
  return rows.map((pass) => {
    const shown = shownPass(pass, progress.get(pass.passId) ?? null);
    const live = hasEnded(pass.state) ? null : ground.live(pass.passId);
    if (live === null) return shown;
    return shownLive(shown, live, Object.assign({}, ...ground.liveValues(pass.ship)), clock.now());
  });
}
