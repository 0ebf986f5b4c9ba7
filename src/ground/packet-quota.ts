/** A ship's packets a second as a token bucket: a second's worth may come at once. Two numbers, nothing is allocated. */

export class PacketQuota {
  readonly packetsPerS: number;
  #tokens: number;
  #filledMs: number;

  /** `nowMs` here and below: of any monotonic clock. */
  constructor(packetsPerS: number, nowMs: number) {
    this.packetsPerS = packetsPerS;
    this.#tokens = Math.max(1, packetsPerS);
    this.#filledMs = nowMs;
  }

  /** False: over the quota. What comes in one datagram passes whole while a token is left, and is paid back before the next one. */
  take(packets: number, nowMs: number): boolean {
    const filled = this.#tokens + (Math.max(0, nowMs - this.#filledMs) / 1000) * this.packetsPerS;
    this.#tokens = Math.min(Math.max(1, this.packetsPerS), filled);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= packets;
    return true;
  }
}
