/** Where in a pass's streams its last 16,384 packets begin: so far back a new holder looks, to know late copies of them. Bounded: a mark each 1,024 packets. */

export interface StreamPlace {
  readonly token: number;
  readonly entry: number;
}

const packetsKept = 16_384;
const packetsPerMark = 1_024;

export class Trail {
  /** Places, and how many packets were stored up to them. */
  readonly #marks: { readonly place: StreamPlace; readonly packets: number }[] = [
    { place: { token: 0, entry: 0 }, packets: 0 },
  ];
  #packets = 0;

  stored(place: StreamPlace, packets: number): void {
    this.#packets += packets;
    if (this.#packets - (this.#marks.at(-1)?.packets ?? 0) < packetsPerMark) return;
    this.#marks.push({ place, packets: this.#packets });
    while (this.#packets - (this.#marks[1]?.packets ?? this.#packets) >= packetsKept) this.#marks.shift();
  }

  /** What lies after this place is to be remembered. */
  get from(): StreamPlace {
    return this.#marks[0]?.place ?? { token: 0, entry: 0 };
  }
}
