/** Judges the packets of an archive again, in the order of storing: at which unwrapped sequence count each one is. */
import type { PassArchive } from "../model/pass.ts";
import { readArchive } from "../telemetry/archive-index.ts";
import { packetBatchOf } from "../telemetry/entry.ts";
import type { PacketBatch } from "./batch.ts";
import { LateSequence } from "./late-sequence.ts";
import type { LedgerCheckpoint } from "./ledger.ts";
import { Ledger } from "./ledger.ts";
import { packetSlice } from "./slices.ts";

/** Packets of an archive, either received in the pass or come after it. */
interface JudgedPackets {
  readonly packets: PacketBatch;
  readonly sequences: ArrayLike<number>;
  readonly isLate: boolean;
}

/** `ledger` follows the packets that came in the pass. Late ones were placed when they came, by all that was known then. */
async function* judgedPackets(archive: PassArchive, ledger: Ledger): AsyncGenerator<JudgedPackets> {
  for await (const { payload, facts } of readArchive(archive)) {
    const batch = packetBatchOf(payload, archive.format);
    const firstLate = facts.findIndex(({ late }) => late);
    const inPass = firstLate === -1 ? batch.count : firstLate;
    if (inPass > 0) {
      const packets = packetSlice(batch, 0, inPass);
      yield { packets, sequences: ledger.replay(packets).sequences, isLate: false };
    }
    if (inPass < batch.count) {
      const sequences = facts.slice(inPass).map(({ sequence }) => sequence ?? 0);
      yield { packets: packetSlice(batch, inPass, batch.count), sequences, isLate: true };
    }
  }
}

/** The sequence account of a pass as its checkpoint has it, with every packet of its archive known. */
export async function lateSequenceOf(archive: PassArchive, { apids, format }: LedgerCheckpoint): Promise<LateSequence> {
  const late = new LateSequence(apids);
  for await (const { packets, sequences } of judgedPackets(archive, new Ledger(format))) late.learn(packets, sequences);
  return late;
}
