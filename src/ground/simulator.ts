/** A simulated ship's downlink: its packets in order, and what the link does to them, by a seed. Pure: the sender adds time and sockets. */
import { buildPacket, idleApid, type RejectReason } from "./ccsds.ts";
import { createHousekeeping, type HousekeepingApid, housekeepingApids, housekeepingBytesMin } from "./housekeeping.ts";
import { SentAccount, type SentApid } from "./sent-account.ts";

/** Shares are of the packets generated, 0–1, and together at most 1. */
export interface LinkOptions {
  readonly lose: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly corrupt: number;
}

export interface SimulationOptions extends LinkOptions {
  readonly seed: number;
  /** 0, 1, …: which of several ships this is. */
  readonly ship: number;
  /** Of an orbit, in seconds: shorter ones show more in a short pass. */
  readonly orbitS: number;
  /** Of every packet, header and CRC included; null: as long as its fields are. */
  readonly sizeBytes: number | null;
  /** Idle packets (APID 2047) sent for each other packet, 0–1. */
  readonly idle: number;
}

/** What one ship sent: the ledger of a pass that lost nothing itself says the same. */
export interface SentJson {
  readonly ship: number;
  readonly datagrams: number;
  readonly bytes: number;
  readonly generated: number;
  readonly idle: number;
  /** By the reason for which a receiver that checks CRCs must reject them. */
  readonly corrupted: Readonly<Partial<Record<RejectReason, number>>>;
  readonly apids: readonly SentApid[];
}

const corruptions = ["bad_crc", "bad_version", "bad_length", "too_short"] as const satisfies readonly RejectReason[];

interface Held {
  readonly apid: HousekeepingApid;
  readonly count: number;
  readonly packet: Uint8Array;
  /** It goes out after so many further packets. */
  readonly dueAt: number;
}

export class ShipSimulation {
  readonly #options: SimulationOptions;
  readonly #random: () => number;
  readonly #make: ReturnType<typeof createHousekeeping>;
  readonly #accounts: readonly SentAccount[];
  readonly #counts: number[];
  readonly #corrupted = new Map<RejectReason, number>();
  /** At most 32, as each is due within 16 packets. */
  #held: Held[] = [];
  #generated = 0;
  #idle = 0;
  #datagrams = 0;
  #bytes = 0;

  /** Throws `RangeError` for shares or sizes that cannot be. */
  constructor(options: SimulationOptions) {
    const { lose, duplicate, reorder, corrupt, idle, sizeBytes } = options;
    if (
      [lose, duplicate, reorder, corrupt, idle].some((share) => !(share >= 0 && share <= 1)) ||
      lose + duplicate + reorder + corrupt > 1
    )
      throw new RangeError(
        "Cannot simulate: every share is between 0 and 1, and lose + duplicate + reorder + corrupt at most 1",
      );
    if (sizeBytes !== null && !(sizeBytes >= housekeepingBytesMin && sizeBytes <= 65_507))
      throw new RangeError(
        `Cannot simulate packets of ${sizeBytes} octets: they have ${housekeepingBytesMin} to 65,507`,
      );
    this.#options = options;
    this.#random = randomOf(options.seed + options.ship * 7919);
    this.#make = createHousekeeping(options);
    this.#counts = housekeepingApids.map(() => Math.floor(this.#random() * 16_384));
    this.#accounts = housekeepingApids.map((apid, i) => new SentAccount(apid, this.#counts[i] ?? 0));
  }

  /** Generates one packet and says what goes out now, which may be nothing, or several datagrams. */
  next(epochMs: number): Uint8Array[] {
    const out: Uint8Array[] = [];
    const index = this.#generated % housekeepingApids.length;
    const apid = housekeepingApids[index] ?? 100;
    const count = this.#counts[index] ?? 0;
    this.#counts[index] = count + 1;
    this.#generated += 1;
    const account = this.#accountOf(apid);
    account.generated += 1;
    this.#fate(this.#make(apid, count, epochMs), apid, count, account, out);
    if (this.#options.idle > 0 && this.#random() < this.#options.idle) {
      this.#idle += 1;
      this.#send(buildPacket({ apid: idleApid, sequenceCount: this.#idle, data: new Uint8Array(8) }), out);
    }
    this.#release(this.#generated, out);
    return out;
  }

  /** What was held back to the end. */
  end(): Uint8Array[] {
    const out: Uint8Array[] = [];
    this.#release(Number.POSITIVE_INFINITY, out);
    return out;
  }

  json(): SentJson {
    return {
      ship: this.#options.ship,
      datagrams: this.#datagrams,
      bytes: this.#bytes,
      generated: this.#generated,
      idle: this.#idle,
      corrupted: Object.fromEntries(this.#corrupted),
      apids: this.#accounts.map((account) => account.json()),
    };
  }

  #fate(packet: Uint8Array, apid: HousekeepingApid, count: number, account: SentAccount, out: Uint8Array[]): void {
    const { lose, corrupt, duplicate, reorder } = this.#options;
    const luck = this.#random();
    if (luck < lose) {
      account.lost += 1;
    } else if (luck < lose + corrupt) {
      account.corrupted += 1;
      this.#corrupt(packet, out);
    } else if (luck < lose + corrupt + reorder) {
      // Past one to four others of its own APID.
      const behind = (1 + Math.floor(this.#random() * 4)) * housekeepingApids.length;
      this.#held.push({ apid, count, packet, dueAt: this.#generated + behind });
    } else {
      account.sent(count, false);
      this.#send(packet, out);
      if (luck < lose + corrupt + reorder + duplicate) {
        account.sent(count, true);
        this.#send(packet, out);
      }
    }
  }

  #corrupt(packet: Uint8Array, out: Uint8Array[]): void {
    const reason = corruptions[Math.floor(this.#random() * corruptions.length)] ?? "bad_crc";
    this.#corrupted.set(reason, (this.#corrupted.get(reason) ?? 0) + 1);
    this.#send(damaged(packet, reason, this.#random), out);
  }

  #release(generated: number, out: Uint8Array[]): void {
    if (this.#held.length === 0) return;
    for (const held of this.#held) {
      if (held.dueAt > generated) continue;
      this.#accountOf(held.apid).sent(held.count, false);
      this.#send(held.packet, out);
    }
    this.#held = this.#held.filter((held) => held.dueAt > generated);
  }

  #send(datagram: Uint8Array, out: Uint8Array[]): void {
    this.#datagrams += 1;
    this.#bytes += datagram.length;
    out.push(datagram);
  }

  #accountOf(apid: HousekeepingApid): SentAccount {
    const account = this.#accounts[housekeepingApids.indexOf(apid)];
    if (account === undefined) throw new Error(`Cannot account for APID ${apid}`);
    return account;
  }
}

/** Damages `packet`, so that it must be rejected for `reason`. */
function damaged(packet: Uint8Array, reason: (typeof corruptions)[number], random: () => number): Uint8Array {
  switch (reason) {
    case "bad_crc": {
      const at = 6 + Math.floor(random() * (packet.length - 6));
      packet[at] = (packet[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      return packet;
    }
    case "bad_version":
      packet[0] = (packet[0] ?? 0) | 0x20;
      return packet;
    case "bad_length":
      return packet.subarray(0, packet.length - 1 - Math.floor(random() * (packet.length - 8)));
    case "too_short":
      return packet.subarray(0, 1 + Math.floor(random() * 6));
    default:
      return reason satisfies never;
  }
}

/** Numbers in [0, 1), the same for the same seed (a 32-bit counter, mixed). */
function randomOf(seed: number): () => number {
  let state = Math.trunc(seed) | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
