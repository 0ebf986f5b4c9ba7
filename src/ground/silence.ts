/** Who has been silent for too long: packets that a definition expects, and the pass as a whole. Pure: time comes with each look. */

export interface Watched {
  /** A packet's name; empty: any packet. */
  readonly subject: string;
  readonly maxMs: number;
  /** Grows with what comes. */
  readonly count: () => number;
}

export interface SilenceTurn {
  readonly subject: string;
  readonly isSilent: boolean;
  readonly maxMs: number;
}

export class Silence {
  readonly #watched: readonly Watched[];
  readonly #counts: number[];
  readonly #heardMs: number[];
  readonly #isSilent: boolean[];
  #isListening = false;

  constructor(watched: readonly Watched[]) {
    this.#watched = watched;
    this.#counts = watched.map(({ count }) => count());
    this.#heardMs = watched.map(() => 0);
    this.#isSilent = watched.map(() => false);
  }

  /** `isListening`: somebody could be heard. Silence counts from when that began. Returns what is otherwise than at the last look. */
  look(nowMs: number, isListening: boolean): SilenceTurn[] {
    const begins = isListening && !this.#isListening;
    this.#isListening = isListening;
    const turns: SilenceTurn[] = [];
    for (const [i, { subject, maxMs, count }] of this.#watched.entries()) {
      const counted = count();
      const isHeard = counted !== this.#counts[i];
      this.#counts[i] = counted;
      if (isHeard || begins) this.#heardMs[i] = nowMs;
      const isOverdue = isListening && nowMs - (this.#heardMs[i] ?? 0) >= maxMs;
      // A port that is opened anew has not heard anybody yet.
      const isSilent = isOverdue || (this.#isSilent[i] === true && !isHeard);
      if (isSilent === this.#isSilent[i]) continue;
      this.#isSilent[i] = isSilent;
      turns.push({ subject, isSilent, maxMs });
    }
    return turns;
  }

  /** An alarm of this subject is open from before: it is over with the next packet. */
  resume(subject: string): void {
    const i = this.#watched.findIndex((one) => one.subject === subject);
    if (i !== -1) this.#isSilent[i] = true;
  }
}
