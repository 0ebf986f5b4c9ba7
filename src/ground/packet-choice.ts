/** Which packets of a judged batch are stored: all but the duplicates, conflicts flagged. */
import type { PacketChoice } from "../telemetry/entry.ts";
import { verdictCode } from "./batch.ts";
import type { LedgerTurn } from "./ledger.ts";

export function choiceOf(turn: LedgerTurn): PacketChoice {
  const { verdicts } = turn;
  const indexes = new Uint32Array(turn.toStore);
  let count = 0;
  for (let i = 0; i < turn.packets.count; i++) if (verdicts[i] !== verdictCode.duplicate) indexes[count++] = i;
  return { indexes, count, isConflict: (index) => verdicts[index] === verdictCode.conflict };
}
