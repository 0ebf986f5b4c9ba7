/** What a simulator knows of one APID it sent: the loss ledger of a receiver that lost nothing must say the same. */

export interface SentApid {
  readonly apid: number;
  readonly generated: number;
  /** Never sent, wherever they were. */
  readonly lost: number;
  /** Sent damaged: no receiver can count them by their APID. */
  readonly corrupted: number;
  /** No ledger can see these: before the first packet that went out whole, and after the last one. */
  readonly lost_before_first: number;
  readonly lost_after_last: number;
  /** What the ledger must say. */
  readonly distinct: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  /** Unwrapped; null when none went out whole. */
  readonly first_count: number | null;
  readonly last_count: number | null;
}

export class SentAccount {
  readonly apid: number;
  generated = 0;
  lost = 0;
  corrupted = 0;
  #firstCount = 0;
  #distinct = 0;
  #duplicates = 0;
  #outOfOrder = 0;
  #min: number | null = null;
  #max = 0;
  #first = 0;

  /** `firstCount`: the sequence count of the first packet generated. */
  constructor(apid: number, firstCount: number) {
    this.apid = apid;
    this.#firstCount = firstCount;
  }

  /** A whole packet goes out; `count` is unwrapped. */
  sent(count: number, isCopy: boolean): void {
    if (isCopy) {
      this.#duplicates += 1;
      return;
    }
    this.#distinct += 1;
    if (this.#min === null) {
      this.#min = count;
      this.#max = count;
      this.#first = count;
      return;
    }
    if (count < this.#max) this.#outOfOrder += 1;
    this.#min = Math.min(this.#min, count);
    this.#max = Math.max(this.#max, count);
  }

  json(): SentApid {
    const { apid, generated, lost, corrupted } = this;
    const shared = {
      apid,
      generated,
      lost,
      corrupted,
      distinct: this.#distinct,
      duplicates: this.#duplicates,
      out_of_order: this.#outOfOrder,
    };
    if (this.#min === null)
      return {
        ...shared,
        lost_before_first: generated,
        lost_after_last: 0,
        missing: 0,
        first_count: null,
        last_count: null,
      };
    // A receiver unwraps from the first count that it sees, which may be a circle or more behind ours.
    const shift = this.#first - (this.#first % 16_384);
    return {
      ...shared,
      lost_before_first: this.#min - this.#firstCount,
      lost_after_last: this.#firstCount + generated - 1 - this.#max,
      missing: this.#max - this.#min + 1 - this.#distinct,
      first_count: this.#min - shift,
      last_count: this.#max - shift,
    };
  }
}
