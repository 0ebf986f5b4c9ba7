/**
 * Remembers what the last packets of an APID looked like, by a 63-bit hash each, to tell a duplicate from a conflict.
 * A sequence count of 14 bits can only speak of the 8,192 packets behind the last one, so no more than that is kept.
 */

/** The hash of one packet, in two halves; never 0/0. Reused for every packet, as an object a packet costs more than hashing it. */
export interface PacketHash {
  a: number;
  b: number;
}

/** Hashes all octets of the packet, header included, into `into`. Two independent 32-bit lanes, four octets a step. */
export function hashPacket(into: PacketHash, bytes: Uint8Array, start: number, sizeBytes: number): void {
  let a = 0x9e3779b1 ^ sizeBytes;
  let b = 0x85ebca77;
  const end = start + sizeBytes;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    a = Math.imul((a ^ word) + (a >>> 15), 0x85ebca6b);
    b = Math.imul((b << 13) | (b >>> 19), 5) + Math.imul(word, 0xcc9e2d51);
  }
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    a = Math.imul((a ^ byte) + (a >>> 15), 0x85ebca6b);
    b = Math.imul((b << 13) | (b >>> 19), 5) + Math.imul(byte, 0xcc9e2d51);
  }
  into.a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35) >>> 0;
  into.b = (Math.imul(b ^ (b >>> 16), 0x27d4eb2f) | 1) >>> 0;
}

const pageCounts = 256;
/** 64 pages of 256 counts are the whole 14-bit circle, so a count's place is its own. */
const pageSlots = 64;

/** How many pages of 2 KiB all APIDs of a pass may still take. */
export interface PageBudget {
  left: number;
}

/**
 * Hashes by unwrapped count. When the budget is spent, or the count is too far behind, a packet is unknown: the account
 * then takes a second packet of that count for a conflict, which is stored. Nothing is ever dropped for lack of memory.
 */
export class SeenPackets {
  readonly #budget: PageBudget;
  readonly #pages: (Uint32Array | undefined)[] = [];
  /** The unwrapped count's page that each place holds now. */
  readonly #pageAt: number[] = [];

  constructor(budget: PageBudget) {
    this.#budget = budget;
  }

  remember(count: number, hash: PacketHash): void {
    const page = this.#pageFor(Math.floor(count / pageCounts));
    if (page === undefined) return;
    const slot = (count & (pageCounts - 1)) * 2;
    page[slot] = hash.a;
    page[slot + 1] = hash.b;
  }

  /** null: nothing is known of that count. */
  isSame(count: number, hash: PacketHash): boolean | null {
    const pageNumber = Math.floor(count / pageCounts);
    const place = pageNumber & (pageSlots - 1);
    const page = this.#pages[place];
    if (page === undefined || this.#pageAt[place] !== pageNumber) return null;
    const slot = (count & (pageCounts - 1)) * 2;
    if (page[slot + 1] === 0) return null;
    return page[slot] === hash.a && page[slot + 1] === hash.b;
  }

  forget(count: number): void {
    const pageNumber = Math.floor(count / pageCounts);
    const place = pageNumber & (pageSlots - 1);
    const page = this.#pages[place];
    if (page === undefined || this.#pageAt[place] !== pageNumber) return;
    page.fill(0, (count & (pageCounts - 1)) * 2, (count & (pageCounts - 1)) * 2 + 2);
  }

  #pageFor(pageNumber: number): Uint32Array | undefined {
    const place = pageNumber & (pageSlots - 1);
    const page = this.#pages[place];
    if (page !== undefined) {
      if (this.#pageAt[place] === pageNumber) return page;
      page.fill(0);
      this.#pageAt[place] = pageNumber;
      return page;
    }
    const fresh = this.#pageBehind(pageNumber) ?? this.#allocate();
    if (fresh === undefined) return undefined;
    this.#pages[place] = fresh;
    this.#pageAt[place] = pageNumber;
    return fresh;
  }

  /** The page 36 places (9,216 counts) back is out of reach of any count: its memory moves on. */
  #pageBehind(pageNumber: number): Uint32Array | undefined {
    const behind = (pageNumber - 36) & (pageSlots - 1);
    const page = this.#pages[behind];
    if (page === undefined || (this.#pageAt[behind] ?? 0) > pageNumber) return undefined; // 28 pages ahead lie there too
    this.#pages[behind] = undefined;
    return page.fill(0);
  }

  #allocate(): Uint32Array | undefined {
    if (this.#budget.left <= 0) return undefined;
    this.#budget.left -= 1;
    return new Uint32Array(pageCounts * 2);
  }
}
