/** Judges the packets of an archive again, in the order of storing: at which unwrapped sequence count each one is. */
import type { PassArchive } from "../model/pass.ts";
import { endsLate, readArchive } from "../telemetry/archive-index.ts";
import { packetBatchOf } from "../telemetry/entry.ts";
import type { PacketBatch } from "./batch.ts";
import { LateSequence } from "./late-sequence.ts";
import { Ledger, type LedgerCheckpoint } from "./ledger.ts";
import type { LedgerJson } from "./ledger-json.ts";
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
  const late = new LateSequence();
  for await (const { packets, sequences } of judgedPackets(archive, new Ledger(format))) late.learn(packets, sequences);
  late.restore(apids);
  return late;
}

/** The ledger of what an archive holds: its sequence account is the pass's own, of arrival it knows nothing. */
export async function ledgerOfArchive(archive: PassArchive): Promise<LedgerJson> {
  const ledger = new Ledger(archive.format);
  // To know what a late packet was, all that came before it must be known: memory that most archives can do without.
  const late = archive.packets > 0 && (await endsLate(archive)) ? new LateSequence() : null;
  let packetsLate = 0;
  for await (const { packets, sequences, isLate } of judgedPackets(archive, ledger)) {
    if (!isLate) late?.learn(packets, sequences);
    else {
      if (packetsLate === 0) late?.restore(ledger.checkpoint().apids);
      late?.repeat(packets, sequences);
      packetsLate += packets.count;
    }
  }
  return late === null ? ledger.json() : lateJson(ledger.checkpoint(), late, packetsLate);
}

function lateJson(before: LedgerCheckpoint, late: LateSequence, packetsLate: number): LedgerJson {
  const { arrival } = before;
  const apids = late.checkpoint();
  const sum = (of: "conflicts" | "outOfOrder") => apids.reduce((total, { counts }) => total + counts[of], 0);
  const checkpoint = {
    ...before,
    apids,
    arrival: {
      ...arrival,
      received: arrival.received + packetsLate,
      stored: arrival.stored + packetsLate,
      conflicts: sum("conflicts"),
      outOfOrder: sum("outOfOrder"),
    },
  };
  return new Ledger(before.format, checkpoint).json();
}

/** Whether two ledgers have one sequence account; of formats without counts, whether as much was stored. */
export function isSameAccount(one: LedgerJson, other: LedgerJson): boolean {
  const accountOf = ({ stored, conflicts, missing, out_of_order, apids }: LedgerJson) =>
    JSON.stringify([
      ...[stored, conflicts, missing, out_of_order],
      apids
        .filter(({ first_count }) => first_count !== null)
        .map((apid) => [apid.apid, apid.stored, apid.conflicts, apid.missing, apid.first_count, apid.last_count]),
    ]);
  return accountOf(one) === accountOf(other);
}
