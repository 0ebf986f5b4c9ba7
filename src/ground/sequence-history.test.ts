/**
 * The sequence accounts against an oracle that forgets nothing, over random histories of two APIDs: loss, disorder, copies, conflicts,
 * the wrap of the count, failed writes, outages, restarts, and crashes after which the stream is replayed from an older checkpoint.
 * A failure prints its seed and the shortest history found.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type PacketBatch, verdictCode } from "./batch.ts";
import { buildPacket } from "./ccsds.ts";
import { type ApidCheckpoint, Sequence } from "./sequence.ts";

const modulus = 16_384;
const apids = [100, 101] as const;

interface Sent {
  readonly apid: number;
  readonly count: number;
  readonly payload: number;
}

function batch(sent: readonly Sent[]): PacketBatch {
  const packets = sent.map(({ apid, count, payload }) =>
    buildPacket({ apid, sequenceCount: wrapped(count), data: new Uint8Array([payload, 1, 2]) }),
  );
  const sizeBytes = packets[0]?.length ?? 0;
  return {
    format: "ccsds",
    bytes: Uint8Array.from(packets.flatMap((packet) => [...packet])),
    count: sent.length,
    starts: Uint32Array.from(sent.map((_, i) => i * sizeBytes)),
    sizes: Uint32Array.from(sent.map(() => sizeBytes)),
    apids: Uint16Array.from(sent.map(({ apid }) => apid)),
    sequenceCounts: Uint16Array.from(sent.map(({ count }) => wrapped(count))),
    arrivedMs: new Float64Array(sent.length),
  };
}

const wrapped = (count: number): number => ((count % modulus) + modulus) % modulus;

/** The definition of docs/ledger.md word by word, on sets that never forget; one APID. */
class Oracle {
  first: number | null = null;
  last = 0;
  seen = new Map<number, Set<number>>();
  /** Missing counts that lie in gaps which span an outage. */
  inOutage = new Set<number>();
  isOutagePending = false;
  stored = 0;
  duplicates = 0;
  conflicts = 0;
  outOfOrder = 0;

  take({ count, payload }: Sent): string {
    const c = wrapped(count);
    const u = this.first === null ? c : this.last + wrapped(c - this.last + modulus / 2) - modulus / 2;
    const payloads = this.seen.get(u);
    if (payloads?.has(payload) === true) {
      this.duplicates += 1;
      return "duplicate";
    }
    this.stored += 1;
    this.seen.set(u, (payloads ?? new Set()).add(payload));
    if (payloads !== undefined) {
      this.conflicts += 1;
      return "conflict";
    }
    const isFresh = this.first === null || u > this.last;
    if (isFresh) {
      if (this.isOutagePending) for (let gone = this.last + 1; gone < u; gone++) this.inOutage.add(gone);
      this.isOutagePending = false;
    }
    this.inOutage.delete(u);
    this.first = Math.min(this.first ?? u, u);
    this.last = isFresh ? u : this.last;
    if (isFresh) return "fresh";
    this.outOfOrder += 1;
    return "late";
  }

  outage(): void {
    this.isOutagePending = this.first !== null;
  }

  numbers(): object {
    const { first, last, stored, duplicates, conflicts, outOfOrder } = this;
    const missing = first === null ? 0 : last - first + 1 - this.seen.size;
    return { first, last, stored, duplicates, conflicts, outOfOrder, missing, outage: this.inOutage.size };
  }
}

function numbersOf({ counts }: ApidCheckpoint): object {
  const { first, last, stored, duplicates, conflicts, outOfOrder, missing, outage } = counts;
  return { first, last, stored, duplicates, conflicts, outOfOrder, missing, outage };
}

/** The accounts and their oracle side by side, with what the store would hold. */
class History {
  #sequence = new Sequence();
  #oracles = new Map<number, Oracle>();
  /** Stored, in order; and what a checkpoint knew, with the copies that had been counted by then. */
  #kept: (Sent & { readonly holder: number })[] = [];
  #holder = 1;
  #checkpoint = { text: "[]", kept: 0, holder: 1, duplicates: new Map<number, number>() };

  receive(sent: readonly Sent[], isStored: boolean): void {
    const turn = this.#sequence.judge(batch(sent), 0);
    if (!isStored) {
      this.#sequence.discard();
      for (const [i, { apid }] of sent.entries())
        if (turn.verdicts[i] === verdictCode.duplicate) this.#of(apid).duplicates += 1;
      return;
    }
    const expected = sent.map((one) => this.#of(one.apid).take(one));
    assert.deepEqual(
      [...turn.verdicts].map((code) => Object.keys(verdictCode)[code]),
      expected,
    );
    this.#sequence.apply();
    const stored = sent.filter((_, i) => turn.verdicts[i] !== verdictCode.duplicate);
    this.#kept.push(...stored.map((one) => ({ ...one, holder: this.#holder })));
  }

  /** Its holder lived, and had no socket: that is stored at once. */
  outage(): void {
    this.#silence();
    this.save();
  }

  save(): void {
    const duplicates = new Map([...this.#oracles].map(([apid, oracle]) => [apid, oracle.duplicates]));
    this.#checkpoint = {
      text: JSON.stringify(this.#sequence.checkpoint()),
      ...{ kept: this.#kept.length, holder: this.#holder, duplicates },
    };
  }

  /**
   * A new holder: the last checkpoint, what it knew, and the streams after it, with silence between two of them. Copies since then were
   * stored nowhere: nobody knows them.
   */
  crash(): void {
    const { text, kept, holder, duplicates } = this.#checkpoint;
    this.#sequence = Sequence.restore(JSON.parse(text));
    this.#sequence.remember(batch(this.#kept.slice(0, kept)));
    let before = holder;
    for (const one of this.#kept.slice(kept)) {
      if (one.holder !== before) this.#sequence.outage();
      before = one.holder;
      this.#sequence.judge(batch([one]), 0);
      this.#sequence.apply();
    }
    for (const [apid, oracle] of this.#oracles) oracle.duplicates = duplicates.get(apid) ?? 0;
    this.#holder += 1;
    this.#silence();
  }

  #silence(): void {
    this.#sequence.outage();
    for (const oracle of this.#oracles.values()) oracle.outage();
  }

  check(): void {
    const accounts = this.#sequence.checkpoint().filter(({ counts }) => counts.first !== null);
    for (const account of accounts) {
      const { counts, open, closed } = account;
      assert.deepEqual(numbersOf(account), this.#of(counts.apid).numbers());
      assert.equal(counts.last - (counts.first ?? 0) + 1, counts.stored - counts.conflicts + counts.missing);
      const gaps = [...open, ...closed];
      const size = (some: typeof gaps) => some.reduce((sum, [from, to]) => sum + to - from + 1, 0);
      assert.equal(size(gaps), counts.missing);
      assert.equal(size(gaps.filter(([, , , flags]) => (flags & 2) !== 0)), counts.outage);
    }
    const begun = [...this.#oracles.values()].filter(({ first }) => first !== null);
    assert.equal(accounts.length, begun.length);
  }

  #of(apid: number): Oracle {
    const oracle = this.#oracles.get(apid) ?? new Oracle();
    this.#oracles.set(apid, oracle);
    return oracle;
  }
}

const packet = fc.record({
  apid: fc.constantFrom(...apids),
  // Mostly onward, sometimes a jump, a step back, or a copy.
  step: fc.oneof(
    { weight: 6, arbitrary: fc.constant(1) },
    { weight: 3, arbitrary: fc.integer({ min: -6, max: 9 }) },
    { weight: 1, arbitrary: fc.integer({ min: -8192, max: 8191 }) },
  ),
  payload: fc.integer({ min: 0, max: 2 }),
});

const event = fc.oneof(
  { weight: 8, arbitrary: fc.record({ packets: fc.array(packet, { maxLength: 40 }), isStored: fc.constant(true) }) },
  { weight: 2, arbitrary: fc.record({ packets: fc.array(packet, { maxLength: 40 }), isStored: fc.constant(false) }) },
  { weight: 4, arbitrary: fc.constantFrom("outage", "save", "save and crash", "crash") },
);

describe("the sequence account of any history", () => {
  it("agrees with an oracle that forgets nothing", () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 0, max: modulus - 1 }), fc.integer({ min: 0, max: modulus - 1 })),
        fc.array(event, { maxLength: 30 }),
        (starts, events) => {
          const history = new History();
          const at = new Map(apids.map((apid, i): [number, number] => [apid, starts[i] ?? 0]));
          for (const one of events) {
            if (typeof one === "object") {
              const sent = one.packets.map(({ apid, step, payload }) => {
                const count = (at.get(apid) ?? 0) + step;
                at.set(apid, count);
                return { apid, count, payload };
              });
              history.receive(sent, one.isStored);
            } else {
              if (one.startsWith("save")) history.save();
              if (one.endsWith("crash")) history.crash();
              if (one === "outage") history.outage();
            }
            history.check();
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
