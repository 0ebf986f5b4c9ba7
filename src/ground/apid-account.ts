/**
 * The sequence account of one APID in one pass: which counts came, which are missing, and what each further packet is.
 * It always holds that last − first + 1 = distinct + missing, and stored = distinct + conflicts.
 */
import { type VerdictCode, verdictCode } from "./batch.ts";
import { sequenceModulus } from "./ccsds.ts";
import type { PacketHash, SeenPackets } from "./seen-packets.ts";

/** Missing counts `from … to`, unwrapped, both included. Never changed: a filled gap is replaced. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970 at which the packet came that showed it. */
  readonly atMs: number;
  readonly ambiguous: boolean;
  /** It spans a time in which nobody listened. */
  readonly outage: boolean;
}

/** The numbers of an account: all that a checkpoint keeps, beside the gaps. */
export interface ApidCounts {
  apid: number;
  received: number;
  stored: number;
  duplicates: number;
  conflicts: number;
  outOfOrder: number;
  missing: number;
  /** Those of `missing` in gaps that span an outage. */
  outage: number;
  /** Unwrapped; null until a packet is stored. */
  first: number | null;
  last: number;
  firstMs: number;
  lastMs: number;
  /** The pass's drops of all kinds when the last packet came. */
  dropsAtLast: number;
  /** An outage has begun since the last packet. */
  outagePending: boolean;
  gapsOmitted: number;
}

/** Half the circle: a count this far ahead or more looks like one from behind. */
const reach = sequenceModulus / 2;
/** Gaps that a late packet may still fill; one more, and the oldest is closed: a packet for it is then stored as a conflict. */
const openGapsMax = 1024;
/** Gaps listed that nothing can fill any more; further ones are only counted. */
const closedGapsMax = 1000;
/** Packets remembered beside the first of the same count; a copy of one beyond them is stored as another conflict. */
const conflictsMax = 1024;

export function emptyCounts(apid: number): ApidCounts {
  return {
    apid,
    received: 0,
    stored: 0,
    duplicates: 0,
    conflicts: 0,
    outOfOrder: 0,
    missing: 0,
    outage: 0,
    first: null,
    last: 0,
    firstMs: 0,
    lastMs: 0,
    dropsAtLast: 0,
    outagePending: false,
    gapsOmitted: 0,
  };
}

export class ApidAccount {
  readonly counts: ApidCounts;
  /** Ascending; replaced as a whole by the first change in a draft, so that the account it came from keeps its own. */
  #open: Gap[];
  #openIsOwn = false;
  readonly #closed: Gap[];
  readonly #seen: SeenPackets;
  /** Hashes beside the remembered one, by count; those of this draft apart until it is settled. */
  readonly #conflicts: Set<string>;
  #conflictsDrafted: Set<string> | null = null;
  /** The unwrapped count of the packet judged last. */
  sequence = 0;

  constructor(
    counts: ApidCounts,
    seen: SeenPackets,
    open: Gap[] = [],
    closed: Gap[] = [],
    conflicts = new Set<string>(),
  ) {
    this.counts = counts;
    this.#seen = seen;
    this.#open = open;
    this.#closed = closed;
    this.#conflicts = conflicts;
  }

  /** A copy to judge a batch on, thrown away if the batch cannot be written. */
  draft(): ApidAccount {
    return new ApidAccount({ ...this.counts }, this.#seen, this.#open, this.#closed, this.#conflicts);
  }

  /** Makes a draft the account: what can no longer change is put aside. */
  settle(): void {
    this.#closeBefore(this.counts.last - reach);
    if (this.#conflictsDrafted !== null) for (const key of this.#conflictsDrafted) this.#keepConflict(key);
    this.#conflictsDrafted = null;
    this.#openIsOwn = false;
  }

  gaps(): { open: readonly Gap[]; closed: readonly Gap[] } {
    return { open: this.#open, closed: this.#closed };
  }

  judge(count: number, hash: PacketHash, arrivedMs: number, drops: number): VerdictCode {
    const { counts } = this;
    counts.received += 1;
    const verdict = counts.first === null ? this.#begin(count, arrivedMs) : this.#place(count, hash, arrivedMs, drops);
    if (verdict === verdictCode.fresh || verdict === verdictCode.late) this.#seen.remember(this.sequence, hash);
    if (verdict === verdictCode.duplicate) counts.duplicates += 1;
    else counts.stored += 1;
    counts.lastMs = arrivedMs;
    counts.dropsAtLast = drops;
    return verdict;
  }

  /** Learns the hash of a packet that is already in the account, after a restart. */
  remember(count: number, hash: PacketHash): void {
    const { first, last } = this.counts;
    const sequence = last + distance(count, last);
    if (first === null || sequence < first || sequence > last) return;
    const same = this.#seen.isSame(sequence, hash);
    if (same === null) this.#seen.remember(sequence, hash);
    else if (!same) this.#keepConflict(conflictKey(sequence, hash));
  }

  forget(sequence: number): void {
    this.#seen.forget(sequence);
  }

  #begin(count: number, arrivedMs: number): VerdictCode {
    const { counts } = this;
    counts.first = count;
    counts.last = count;
    counts.firstMs = arrivedMs;
    counts.outagePending = false;
    this.sequence = count;
    return verdictCode.fresh;
  }

  #place(count: number, hash: PacketHash, arrivedMs: number, drops: number): VerdictCode {
    const { counts } = this;
    const d = distance(count, counts.last);
    const sequence = counts.last + d;
    this.sequence = sequence;
    if (d > 0) {
      if (d > 1)
        this.#miss(counts.last + 1, sequence - 1, arrivedMs, this.#isAmbiguous(arrivedMs, drops), counts.outagePending);
      counts.last = sequence;
      counts.outagePending = false;
      return verdictCode.fresh;
    }
    const first = counts.first ?? sequence;
    if (sequence < first) {
      if (sequence + 1 < first) this.#missBefore(sequence + 1, first - 1, arrivedMs);
      counts.first = sequence;
      counts.outOfOrder += 1;
      return verdictCode.late;
    }
    if (this.#fill(sequence)) {
      counts.outOfOrder += 1;
      return verdictCode.late;
    }
    return this.#again(sequence, hash);
  }

  #again(sequence: number, hash: PacketHash): VerdictCode {
    if (this.#seen.isSame(sequence, hash) === true) return verdictCode.duplicate;
    const key = conflictKey(sequence, hash);
    if (this.#conflicts.has(key) || this.#conflictsDrafted?.has(key) === true) return verdictCode.duplicate;
    this.#conflictsDrafted ??= new Set();
    this.#conflictsDrafted.add(key);
    this.counts.conflicts += 1;
    return verdictCode.conflict;
  }

  /** Whether half the circle or more may have passed since the last packet, going by its mean rate and by what we dropped. */
  #isAmbiguous(arrivedMs: number, drops: number): boolean {
    const { counts } = this;
    if (drops - counts.dropsAtLast >= reach) return true;
    const spanMs = counts.lastMs - counts.firstMs;
    if (spanMs <= 0) return false;
    return ((counts.last - (counts.first ?? 0)) / spanMs) * (arrivedMs - counts.lastMs) >= reach;
  }

  #miss(from: number, to: number, atMs: number, ambiguous: boolean, outage: boolean): void {
    const open = this.#ownOpen();
    open.push({ from, to, atMs, ambiguous, outage });
    this.counts.missing += to - from + 1;
    if (outage) this.counts.outage += to - from + 1;
    this.#closeOldest();
  }

  #missBefore(from: number, to: number, atMs: number): void {
    this.#ownOpen().unshift({ from, to, atMs, ambiguous: false, outage: false });
    this.counts.missing += to - from + 1;
    this.#closeOldest();
  }

  /** Takes a count out of the gap that holds it, which may leave two. False if none does. */
  #fill(sequence: number): boolean {
    const index = gapIndexOf(this.#open, sequence);
    const gap = this.#open[index];
    if (gap === undefined) return false;
    const rest: Gap[] = [];
    if (gap.from < sequence) rest.push({ ...gap, to: sequence - 1 });
    if (gap.to > sequence) rest.push({ ...gap, from: sequence + 1 });
    this.#ownOpen().splice(index, 1, ...rest);
    this.counts.missing -= 1;
    if (gap.outage) this.counts.outage -= 1;
    this.#closeOldest();
    return true;
  }

  #ownOpen(): Gap[] {
    if (!this.#openIsOwn) {
      this.#open = this.#open.slice();
      this.#openIsOwn = true;
    }
    return this.#open;
  }

  /** Beyond the bound a draft already forgets its oldest gap, though it lists it only once settled. */
  #closeOldest(): void {
    while (this.#open.length > openGapsMax) {
      this.#open.shift();
      this.counts.gapsOmitted += 1;
    }
  }

  #closeBefore(sequence: number): void {
    const kept = this.#open.findIndex((gap) => gap.to >= sequence);
    const closedCount = kept === -1 ? this.#open.length : kept;
    if (closedCount === 0) return;
    for (const gap of this.#open.slice(0, closedCount)) {
      if (this.#closed.length < closedGapsMax) this.#closed.push(gap);
      else this.counts.gapsOmitted += 1;
    }
    this.#open = this.#open.slice(closedCount);
  }

  #keepConflict(key: string): void {
    if (this.#conflicts.size >= conflictsMax) {
      const oldest = this.#conflicts.values().next();
      if (oldest.done !== true) this.#conflicts.delete(oldest.value);
    }
    this.#conflicts.add(key);
  }
}

/** How far `count` (14 bits) is ahead of `last` (unwrapped): −8,192 … 8,191. */
export function distance(count: number, last: number): number {
  return ((((count - last + reach) % sequenceModulus) + sequenceModulus) % sequenceModulus) - reach;
}

export function conflictKey(sequence: number, hash: PacketHash): string {
  return `${sequence}:${hash.a}:${hash.b}`;
}

/** The gap that holds `sequence`, or −1. */
export function gapIndexOf(gaps: readonly Gap[], sequence: number): number {
  let low = 0;
  let high = gaps.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const gap = gaps[middle];
    if (gap === undefined) return -1;
    if (gap.to < sequence) low = middle + 1;
    else if (gap.from > sequence) high = middle - 1;
    else return middle;
  }
  return -1;
}
