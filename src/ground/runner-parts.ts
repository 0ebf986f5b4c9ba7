/** What every runner of passes on a node is given. */
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Sql } from "../store/sql.ts";
import type { Alarms } from "../supervisor/alarms.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { PacketMeters } from "./packet-meters.ts";
import type { PassRunner } from "./pass-runner.ts";
import type { Receivers } from "./receiver.ts";
import type { StoreTime } from "./store-time.ts";

export interface RunnerParts {
  readonly sql: Sql;
  readonly telemetry: Telemetry;
  readonly receivers: Receivers;
  readonly clock: Clock;
  readonly time: StoreTime;
  readonly log: Log;
  readonly meters: PacketMeters;
  readonly alarms: Pick<Alarms, "change" | "dropped">;
  /** Silence of a whole pass that is alarming; 0: none is. */
  readonly staleAfterMs: number;
  readonly dataDir: string;
  readonly packetSizeMax: number;
  /** Between two reports of its progress. */
  readonly reportEveryMs: number;
  /** Its stored state or its numbers moved. */
  readonly onChanged: (runner: PassRunner, what: "state" | "numbers") => void;
  /** It holds nothing any more. */
  readonly onEnded: (runner: PassRunner) => void;
}
