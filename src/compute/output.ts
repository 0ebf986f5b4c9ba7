/** Keeps the first and the last part of what an attempt prints, in bounded memory, however much it prints. */

const halfBytes = 512 * 1024;
const none: Uint8Array = new Uint8Array(0);

/** At most 1 MiB: the first half as it came, the last half in a ring. */
export class Output {
  readonly #head: Ring;
  readonly #tail: Ring;

  constructor(headBytes = halfBytes, tailBytes = halfBytes) {
    this.#head = new Ring(headBytes);
    this.#tail = new Ring(tailBytes);
  }

  push(chunk: Uint8Array): void {
    const room = Math.min(this.#head.capacityBytes - this.#head.seenBytes, chunk.length);
    if (room > 0) this.#head.push(chunk.subarray(0, room));
    if (room < chunk.length) this.#tail.push(chunk.subarray(Math.max(room, 0)));
  }

  /** As text that Postgres can store: broken UTF-8 and NUL become U+FFFD. */
  text(): string {
    if (this.#head.seenBytes === 0) return "";
    const lost = this.#tail.seenBytes - this.#tail.capacityBytes;
    const gap = lost > 0 ? `\n… ${lost} bytes left out …\n` : "";
    return `${textOf(this.#head.bytes())}${gap}${textOf(this.#tail.bytes())}`;
  }

  /** The tail alone: what to search for a last line. */
  lastBytes(): Uint8Array {
    return this.#tail.bytes();
  }
}

class Ring {
  readonly capacityBytes: number;
  #bytes = none;
  seenBytes = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  push(chunk: Uint8Array): void {
    const kept = chunk.length > this.capacityBytes ? chunk.subarray(chunk.length - this.capacityBytes) : chunk;
    this.#grow(Math.min(this.seenBytes + chunk.length, this.capacityBytes));
    const start = (this.seenBytes + chunk.length - kept.length) % this.capacityBytes;
    const first = Math.min(kept.length, this.capacityBytes - start);
    this.#bytes.set(kept.subarray(0, first), start);
    this.#bytes.set(kept.subarray(first), 0);
    this.seenBytes += chunk.length;
  }

  bytes(): Uint8Array {
    if (this.seenBytes <= this.capacityBytes) return this.#bytes.slice(0, this.seenBytes);
    const start = this.seenBytes % this.capacityBytes;
    const straight = new Uint8Array(this.capacityBytes);
    straight.set(this.#bytes.subarray(start), 0);
    straight.set(this.#bytes.subarray(0, start), this.capacityBytes - start);
    return straight;
  }

  /** Most attempts print little or nothing: the ring starts empty and doubles until it is full size. */
  #grow(neededBytes: number): void {
    if (neededBytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.min(Math.max(neededBytes, this.#bytes.length * 2, 1024), this.capacityBytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function textOf(bytes: Uint8Array): string {
  return storableText(new TextDecoder().decode(bytes));
}

/** Postgres refuses NUL in text. */
export function storableText(text: string): string {
  return text.includes("\u0000") ? text.replaceAll("\u0000", "\ufffd") : text;
}
