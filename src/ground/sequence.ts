/**
 * The sequence accounts of a pass, one per APID. A batch is judged before it is written and applied after the write is
 * acknowledged, one batch at a time: so the accounts never speak of a packet that is not stored.
 */
import { ApidAccount, type ApidCounts, emptyCounts, type Gap } from "./apid-account.ts";
import { type PacketBatch, verdictCode } from "./batch.ts";
import { hashPacket, type PageBudget, SeenPackets } from "./seen-packets.ts";

/** Memory for hashes of seen packets, all APIDs together: 16,384 pages of 2 KiB, 32 MiB, some 490 busy APIDs. */
const seenPagesMax = 16_384;

export interface SequenceTurn {
  /** A `verdictCode` for each packet of the batch. */
  readonly verdicts: Uint8Array;
  /** Each packet's unwrapped sequence count. */
  readonly sequences: Float64Array;
  /** How many are to be stored: all but the duplicates. */
  readonly toStore: number;
  readonly duplicates: number;
  readonly late: number;
  readonly conflicts: number;
}

/** One APID in a checkpoint; gaps as [from, to, atMs, 1 ambiguous + 2 outage]. */
export interface ApidCheckpoint {
  readonly counts: ApidCounts;
  readonly open: readonly GapTuple[];
  readonly closed: readonly GapTuple[];
}
type GapTuple = readonly [from: number, to: number, atMs: number, flags: number];

interface Pending {
  readonly packets: PacketBatch;
  readonly turn: SequenceTurn;
  readonly drafts: ReadonlyMap<number, ApidAccount>;
}

export class Sequence {
  readonly #accounts = new Map<number, ApidAccount>();
  readonly #seen = new Map<number, SeenPackets>();
  readonly #budget: PageBudget = { left: seenPagesMax };
  readonly #hash = { a: 0, b: 0 };
  #pending: Pending | null = null;

  /** `drops`: all packets that this pass dropped so far, in kernel, queues and store. Settle with `apply` or `discard` before the next. */
  judge(packets: PacketBatch, drops: number): SequenceTurn {
    if (this.#pending !== null)
      throw new Error("Cannot judge a batch as the one before it is neither applied nor discarded");
    const verdicts = new Uint8Array(packets.count);
    const sequences = new Float64Array(packets.count);
    const drafts = new Map<number, ApidAccount>();
    const totals = [0, 0, 0, 0];
    let apid = -1;
    let account: ApidAccount | undefined;
    for (let i = 0; i < packets.count; i++) {
      const apidNow = packets.apids[i] ?? 0;
      if (account === undefined || apidNow !== apid) {
        apid = apidNow;
        account = drafts.get(apid) ?? this.#draft(drafts, apid);
      }
      hashPacket(this.#hash, packets.bytes, packets.starts[i] ?? 0, packets.sizes[i] ?? 0);
      const verdict = account.judge(packets.sequenceCounts[i] ?? 0, this.#hash, packets.arrivedMs[i] ?? 0, drops);
      verdicts[i] = verdict;
      sequences[i] = account.sequence;
      totals[verdict] = (totals[verdict] ?? 0) + 1;
    }
    const duplicates = totals[verdictCode.duplicate] ?? 0;
    const turn: SequenceTurn = {
      verdicts,
      sequences,
      toStore: packets.count - duplicates,
      duplicates,
      late: totals[verdictCode.late] ?? 0,
      conflicts: totals[verdictCode.conflict] ?? 0,
    };
    this.#pending = { packets, turn, drafts };
    return turn;
  }

  /** The batch is stored: it counts. */
  apply(): void {
    const pending = this.#take();
    for (const [apid, draft] of pending.drafts) {
      draft.settle();
      this.#accounts.set(apid, draft);
    }
  }

  /** The batch could not be stored: its packets were received, and are missing. */
  discard(): void {
    const { packets, turn } = this.#take();
    for (let i = 0; i < packets.count; i++) {
      const apid = packets.apids[i] ?? 0;
      const { counts } = this.#account(apid);
      counts.received += 1;
      if (turn.verdicts[i] === verdictCode.duplicate) counts.duplicates += 1;
      else if (turn.verdicts[i] !== verdictCode.conflict) this.#account(apid).forget(turn.sequences[i] ?? 0);
    }
  }

  /** After a restart: what packets already in the accounts looked like, so that copies of them are known as duplicates. */
  remember(packets: PacketBatch): void {
    for (let i = 0; i < packets.count; i++) {
      hashPacket(this.#hash, packets.bytes, packets.starts[i] ?? 0, packets.sizes[i] ?? 0);
      this.#accounts.get(packets.apids[i] ?? 0)?.remember(packets.sequenceCounts[i] ?? 0, this.#hash);
    }
  }

  /** Nobody listened for a while: a gap that the next packet of an APID shows spans that time. */
  outage(): void {
    for (const account of this.#accounts.values())
      if (account.counts.first !== null) account.counts.outagePending = true;
  }

  /** By APID, ascending. What is judged and not yet applied does not show. */
  accounts(): readonly ApidAccount[] {
    return [...this.#accounts.values()].sort((one, other) => one.counts.apid - other.counts.apid);
  }

  checkpoint(): ApidCheckpoint[] {
    return this.accounts().map((account) => {
      const { open, closed } = account.gaps();
      return { counts: { ...account.counts }, open: open.map(tupleOf), closed: closed.map(tupleOf) };
    });
  }

  static restore(checkpoints: readonly ApidCheckpoint[]): Sequence {
    const sequence = new Sequence();
    for (const { counts, open, closed } of checkpoints) {
      const seen = sequence.#seenOf(counts.apid);
      sequence.#accounts.set(counts.apid, new ApidAccount({ ...counts }, seen, open.map(gapOf), closed.map(gapOf)));
    }
    return sequence;
  }

  #draft(drafts: Map<number, ApidAccount>, apid: number): ApidAccount {
    const draft = (this.#accounts.get(apid) ?? new ApidAccount(emptyCounts(apid), this.#seenOf(apid))).draft();
    drafts.set(apid, draft);
    return draft;
  }

  #account(apid: number): ApidAccount {
    let account = this.#accounts.get(apid);
    if (account === undefined) {
      account = new ApidAccount(emptyCounts(apid), this.#seenOf(apid));
      this.#accounts.set(apid, account);
    }
    return account;
  }

  #seenOf(apid: number): SeenPackets {
    let seen = this.#seen.get(apid);
    if (seen === undefined) {
      seen = new SeenPackets(this.#budget);
      this.#seen.set(apid, seen);
    }
    return seen;
  }

  #take(): Pending {
    const pending = this.#pending;
    if (pending === null) throw new Error("Cannot settle a batch as none is judged");
    this.#pending = null;
    return pending;
  }
}

export function tupleOf(gap: Gap): GapTuple {
  return [gap.from, gap.to, gap.atMs, (gap.ambiguous ? 1 : 0) + (gap.outage ? 2 : 0)];
}

export function gapOf([from, to, atMs, flags]: GapTuple): Gap {
  return { from, to, atMs, ambiguous: (flags & 1) !== 0, outage: (flags & 2) !== 0 };
}
