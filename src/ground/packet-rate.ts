/** How many packets a pass received in each of the last 60 seconds, for whoever looks at it. */

const secondsKept = 60;

export class PacketRate {
  readonly #counts: number[] = [];
  #second: number | null = null;
  #before = 0;

  /** `received`: in all, as of `nowMs`; several times a second. */
  note(nowMs: number, received: number): void {
    const second = Math.floor(nowMs / 1000);
    if (this.#second === null) this.#before = received;
    else if (second <= this.#second) return;
    else {
      this.#counts.push(received - this.#before);
      // Nobody listened in the seconds between, or the node was busy: what came is counted in the one before.
      const skipped = Math.min(secondsKept, second - this.#second - 1);
      this.#counts.push(...new Array<number>(skipped).fill(0));
      this.#counts.splice(0, this.#counts.length - secondsKept);
    }
    this.#second = second;
    this.#before = received;
  }

  /** Of each second that is over, the latest last. */
  get perSecond(): readonly number[] {
    return [...this.#counts];
  }
}
