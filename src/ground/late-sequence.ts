/**
 * The sequence account of a pass for packets that come after it: a station's recording, a retransmission. It knows every packet of
 * the pass, and not only the last 8,192 of an APID, so that a copy of any of them is known and a gap anywhere can be filled.
 * Judged at once, on a copy that is thrown away when nothing comes of it.
 */
import { type ApidCounts, conflictKey, distance, emptyCounts, type Gap, gapIndexOf } from "./apid-account.ts";
import { type PacketBatch, type VerdictCode, verdictCode } from "./batch.ts";
import { sequenceModulus } from "./ccsds.ts";
import { hashPacket, type PacketHash } from "./seen-packets.ts";
import { type ApidCheckpoint, gapOf, type SequenceTurn, tupleOf } from "./sequence.ts";

const pageCounts = 256;
/** Hashes of 16.7 million packets, 128 MiB. */
const pagesMax = 65_536;
/** Beyond them a copy of a conflict is stored as another conflict. */
const conflictsMax = 65_536;
/** Listed of an APID; the oldest one is then only counted. */
const gapsMax = 16_384;

/** The pass has more packets than can be known at once. */
export class TooManyPacketsError extends Error {
  override readonly name = "TooManyPacketsError";
}

export class LateSequence {
  readonly #accounts = new Map<number, LateAccount>();
  readonly #pages = { left: pagesMax };
  readonly #hash = { a: 0, b: 0 };

  /** The accounts as they stand; before anything is judged. */
  restore(checkpoints: readonly ApidCheckpoint[]): void {
    for (const { counts, open, closed } of checkpoints) {
      const account = this.#account(counts.apid);
      account.counts = { ...counts };
      account.gaps = [...closed, ...open].map(gapOf).sort((one, other) => one.from - other.from);
    }
  }

  /** Packets that are in the accounts already, each at its unwrapped sequence count. */
  learn(packets: PacketBatch, sequences: ArrayLike<number>): void {
    this.#each(packets, (account, i) => account.learn(sequences[i] ?? 0, this.#hash));
  }

  /** Late packets whose place was found before: what they were then, they are again. */
  repeat(packets: PacketBatch, sequences: ArrayLike<number>): void {
    this.#each(packets, (account, i) => account.put(sequences[i] ?? 0, this.#hash, packets.arrivedMs[i] ?? 0));
  }

  judge(packets: PacketBatch): SequenceTurn {
    const verdicts = new Uint8Array(packets.count);
    const sequences = new Float64Array(packets.count);
    const totals = [0, 0, 0, 0];
    this.#each(packets, (account, i) => {
      const sequence = account.placeOf(packets.sequenceCounts[i] ?? 0, this.#hash);
      const verdict = account.put(sequence, this.#hash, packets.arrivedMs[i] ?? 0);
      sequences[i] = sequence;
      verdicts[i] = verdict;
      totals[verdict] = (totals[verdict] ?? 0) + 1;
    });
    const [, late = 0, duplicates = 0, conflicts = 0] = totals;
    return { verdicts, sequences, toStore: packets.count - duplicates, duplicates, late, conflicts };
  }

  checkpoint(): ApidCheckpoint[] {
    const accounts = [...this.#accounts.values()].sort((one, other) => one.counts.apid - other.counts.apid);
    return accounts.map(({ counts, gaps }) => ({ counts: { ...counts }, open: gaps.map(tupleOf), closed: [] }));
  }

  #each(packets: PacketBatch, visit: (account: LateAccount, i: number) => void): void {
    for (let i = 0; i < packets.count; i++) {
      hashPacket(this.#hash, packets.bytes, packets.starts[i] ?? 0, packets.sizes[i] ?? 0);
      visit(this.#account(packets.apids[i] ?? 0), i);
    }
  }

  #account(apid: number): LateAccount {
    let account = this.#accounts.get(apid);
    if (account === undefined) {
      account = new LateAccount(emptyCounts(apid), this.#pages);
      this.#accounts.set(apid, account);
    }
    return account;
  }
}

class LateAccount {
  counts: ApidCounts;
  /** Ascending. */
  gaps: Gap[] = [];
  readonly #budget: { left: number };
  readonly #pages = new Map<number, Uint32Array>();
  readonly #conflicts = new Set<string>();
  /** Where the packet before this one was put: the next one is close to it. Null: none was yet. */
  #cursor: number | null = null;

  constructor(counts: ApidCounts, budget: { left: number }) {
    this.counts = counts;
    this.#budget = budget;
  }

  learn(sequence: number, hash: PacketHash): void {
    const same = this.#isSame(sequence, hash);
    if (same === null) this.#remember(sequence, hash);
    else if (!same) this.#keepConflict(conflictKey(sequence, hash));
  }

  /**
   * The unwrapped count of a packet, of which 14 bits are known. The same octets tell it. Else it is the one closest to the packet
   * before it; where that place is taken by another packet, or there is none before it, a missing one goes first, the latest of several.
   */
  placeOf(count: number, hash: PacketHash): number {
    const { first, last } = this.counts;
    if (first === null) return count;
    const anchor = this.#cursor ?? last;
    const closest = anchor + distance(count, anchor);
    let missing: number | null = null;
    for (let at = last - mod(last - count); at >= first; at -= sequenceModulus) {
      const same = this.#isSame(at, hash);
      if (same === true || this.#conflicts.has(conflictKey(at, hash))) return at;
      if (same === null && (missing === null || Math.abs(at - anchor) < Math.abs(missing - anchor))) missing = at;
    }
    const isTaken = closest >= first && closest <= last && this.#isSame(closest, hash) === false;
    return missing !== null && (isTaken || this.#cursor === null) ? missing : closest;
  }

  put(sequence: number, hash: PacketHash, arrivedMs: number): VerdictCode {
    const { counts } = this;
    this.#cursor = sequence;
    counts.received += 1;
    const verdict = this.#verdictAt(sequence, hash, arrivedMs);
    if (verdict === verdictCode.duplicate) counts.duplicates += 1;
    else counts.stored += 1;
    if (verdict === verdictCode.late) counts.outOfOrder += 1;
    if (verdict === verdictCode.fresh || verdict === verdictCode.late) this.#remember(sequence, hash);
    return verdict;
  }

  #verdictAt(sequence: number, hash: PacketHash, arrivedMs: number): VerdictCode {
    const { counts } = this;
    const { first, last } = counts;
    if (first === null) {
      counts.first = sequence;
      counts.last = sequence;
      counts.firstMs = arrivedMs;
      counts.lastMs = arrivedMs;
      return verdictCode.fresh;
    }
    if (sequence > last) {
      this.#miss(last + 1, sequence - 1, arrivedMs);
      counts.last = sequence;
      return verdictCode.fresh;
    }
    if (sequence < first) {
      this.#miss(sequence + 1, first - 1, arrivedMs);
      counts.first = sequence;
      return verdictCode.late;
    }
    const same = this.#isSame(sequence, hash);
    const key = conflictKey(sequence, hash);
    if (same === true || this.#conflicts.has(key)) return verdictCode.duplicate;
    if (same === null && this.#fill(sequence)) return verdictCode.late;
    counts.conflicts += 1;
    this.#keepConflict(key);
    return verdictCode.conflict;
  }

  #miss(from: number, to: number, atMs: number): void {
    if (to < from) return;
    const gap = { from, to, atMs, ambiguous: false, outage: false };
    if (from > this.counts.last) this.gaps.push(gap);
    else this.gaps.unshift(gap);
    this.counts.missing += to - from + 1;
    this.#forgetOldest();
  }

  /** False: nothing is missing there. A count that was never seen is missing, also where its gap is not listed any more. */
  #fill(sequence: number): boolean {
    const { counts, gaps } = this;
    if (counts.missing === 0) return false;
    counts.missing -= 1;
    const index = gapIndexOf(gaps, sequence);
    const gap = gaps[index];
    if (gap === undefined) return true;
    const rest: Gap[] = [];
    if (gap.from < sequence) rest.push({ ...gap, to: sequence - 1 });
    if (gap.to > sequence) rest.push({ ...gap, from: sequence + 1 });
    gaps.splice(index, 1, ...rest);
    this.#forgetOldest();
    if (gap.outage) counts.outage -= 1;
    return true;
  }

  #forgetOldest(): void {
    if (this.gaps.length <= gapsMax) return;
    this.gaps.shift();
    this.counts.gapsOmitted += 1;
  }

  /** null: no packet of that count was seen. */
  #isSame(sequence: number, hash: PacketHash): boolean | null {
    const page = this.#pages.get(Math.floor(sequence / pageCounts));
    const slot = (sequence & (pageCounts - 1)) * 2;
    if (page === undefined || page[slot + 1] === 0) return null;
    return page[slot] === hash.a && page[slot + 1] === hash.b;
  }

  #remember(sequence: number, hash: PacketHash): void {
    const pageNumber = Math.floor(sequence / pageCounts);
    let page = this.#pages.get(pageNumber);
    if (page === undefined) {
      if (this.#budget.left === 0) throw new TooManyPacketsError("more packets than can be known at once");
      this.#budget.left -= 1;
      page = new Uint32Array(pageCounts * 2);
      this.#pages.set(pageNumber, page);
    }
    const slot = (sequence & (pageCounts - 1)) * 2;
    page[slot] = hash.a;
    page[slot + 1] = hash.b;
  }

  #keepConflict(key: string): void {
    if (this.#conflicts.size < conflictsMax) this.#conflicts.add(key);
  }
}

const mod = (count: number): number => ((count % sequenceModulus) + sequenceModulus) % sequenceModulus;
