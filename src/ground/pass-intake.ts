/** The intake of one pass: its ship's rules for packets, and who hears of what came in. */
import type { PassRow, ShipRow } from "../model/pass.ts";
import type { Log } from "../observe/log.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { RejectReason } from "./ccsds.ts";
import { Intake } from "./intake.ts";
import { crcRule, type PacketDefinition } from "./packet-definition.ts";
import type { PacketMeters } from "./packet-meters.ts";
import type { Start } from "./resume.ts";

export interface PassIntakeParts {
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly meters: PacketMeters;
  readonly packetSizeMax: number;
}

export interface PassIntakeNews {
  onSettled(): void;
  onSealed(): void;
}

/** Of each reason to reject, and of drops: the first ones say what is wrong, the ledger counts them all. */
const samplesLoggedMax = 3;

export function createPassIntake(
  { telemetry, log, meters, packetSizeMax }: PassIntakeParts,
  pass: PassRow,
  ship: ShipRow & { readonly packets: PacketDefinition | null },
  start: Start,
  news: PassIntakeNews,
): Intake {
  const { passId, token } = pass;
  const samplesLogged = new Map<RejectReason | "dropped", number>();
  const note = (kind: RejectReason | "dropped", about: object, message: string): void => {
    const count = (samplesLogged.get(kind) ?? 0) + 1;
    samplesLogged.set(kind, count);
    if (count <= samplesLoggedMax) log.warn({ passId, ship: ship.ship, ...about }, message);
  };
  return new Intake({
    ledger: start.ledger,
    telemetry,
    stream: { ship: ship.ship, passId, token },
    hotBytes: ship.quota.hotBytes,
    trail: start.trail,
    rules: { format: ship.format, packetSizeMax, hasCrc: crcRule(ship.packets) },
    observer: {
      stored: (packets, turn) => void start.latest?.take(packets, turn.verdicts),
      settled(ingested, turn, isStored) {
        meters.settled(ship.ship, ingested, turn, isStored);
        news.onSettled();
      },
      rejected: (sample) => note(sample.reason, { sample }, "packet rejected"),
      dropped: (error, packets) => note("dropped", { err: error, packets }, "packets could not be stored"),
      sealed: () => news.onSealed(),
    },
  });
}
