/** A simulated ship that keeps every whole packet it sent, in the order of sending: what a store may hold of it, and nothing else. */
import { apidAt, sequenceCountAt, sequenceModulus } from "../../src/ground/ccsds.ts";
import { ShipSimulation, type SimulationOptions } from "../../src/ground/simulator.ts";

export interface SentPacket {
  readonly apid: number;
  /** Unwrapped, as the ledger does it. */
  readonly count: number;
  readonly hex: string;
  /** Its place in the order of sending. */
  readonly order: number;
}

export const keyOf = (apid: number, count: number): string => `${apid}:${count}`;

export class RecordedShip extends ShipSimulation {
  readonly #datagrams: Uint8Array[] = [];

  constructor(seed: number) {
    const shares = { lose: 0.03, duplicate: 0.03, reorder: 0.03, corrupt: 0.03, idle: 0.02 };
    super({ ...shares, seed, ship: 0, orbitS: 60, sizeBytes: null } satisfies SimulationOptions);
  }

  override next(epochMs: number): Uint8Array[] {
    return this.#noted(super.next(epochMs));
  }

  override end(): Uint8Array[] {
    return this.#noted(super.end());
  }

  /** By APID and count. `isWhole` says of a datagram whether a receiver must take it for a packet. */
  whole(isWhole: (datagram: Uint8Array) => boolean): Map<string, SentPacket> {
    const sent = new Map<string, SentPacket>();
    const last = new Map<number, number>();
    for (const [order, datagram] of this.#datagrams.entries()) {
      if (!isWhole(datagram)) continue;
      const apid = apidAt(datagram, 0);
      const count = unwrapped(sequenceCountAt(datagram, 0), last.get(apid));
      last.set(apid, Math.max(count, last.get(apid) ?? count));
      const hex = Buffer.from(datagram).toString("hex");
      const key = keyOf(apid, count);
      const before = sent.get(key);
      if (before === undefined) sent.set(key, { apid, count, hex, order });
      else if (before.hex !== hex) throw new Error(`The simulator sent ${key} with two payloads`);
    }
    return sent;
  }

  #noted(datagrams: Uint8Array[]): Uint8Array[] {
    this.#datagrams.push(...datagrams);
    return datagrams;
  }
}

/** The count nearest to the last one, by the 14 bits that were sent. */
export function unwrapped(count: number, last: number | undefined): number {
  if (last === undefined) return count;
  const half = sequenceModulus / 2;
  return last + ((((count - last + half) % sequenceModulus) + sequenceModulus) % sequenceModulus) - half;
}
