/**
 * Holds a pass's ledger against what was sent and what is stored, packet by packet: the store by its own interface, the archive by
 * its octets. Says nothing of clocks.
 */
import assert from "node:assert/strict";
import { apidAt, headerFault, idleApid, isCrcRight, sequenceCountAt, sizeAt } from "../../src/ground/ccsds.ts";
import type { ApidJson, LedgerJson } from "../../src/ground/ledger-json.ts";
import type { SentJson } from "../../src/ground/simulator.ts";
import { placesOf } from "../../src/telemetry/entry.ts";
import type { Telemetry } from "../../src/telemetry/telemetry.ts";
import type { DrilledPass } from "./nodes.ts";
import { keyOf, type RecordedShip, type SentPacket, unwrapped } from "./recorded-ship.ts";

export interface Flown {
  readonly ledger: LedgerJson;
  readonly ship: RecordedShip;
  /** What the simulator says it sent. */
  readonly sent: SentJson;
  /** Packets in the order of storing. */
  readonly stored: readonly Uint8Array[];
  readonly archive: Uint8Array;
}

/** Every packet of a pass, whoever held it. */
export async function packetsOf(telemetry: Telemetry, { id, ship }: DrilledPass, token: number): Promise<Uint8Array[]> {
  const packets: Uint8Array[] = [];
  for await (const { payload } of telemetry.read({ ship, passId: id, token }))
    for (const { start, sizeBytes } of placesOf(payload)) packets.push(payload.slice(start, start + sizeBytes));
  return packets;
}

/** Whatever happened: what the ledger calls stored is there, once, as it was sent; what is not there is missing, and where. */
export function assertWhole({ ledger, ship, stored, archive }: Flown): void {
  assert.deepEqual(split(archive).map(hexOf), stored.map(hexOf), "the archive and the store differ");
  assert.equal(stored.length, ledger.stored, "the store has not what the ledger calls stored");
  assert.equal(ledger.conflicts, 0, "the simulator sends no count twice with two payloads");
  const { idle, duplicates, queue_drops, store_drops } = ledger;
  assert.equal(ledger.received, idle + rejectedOf(ledger) + duplicates + queue_drops + store_drops + ledger.stored);
  const local = (ledger.kernel_drops ?? 0) + rejectedOf(ledger) + queue_drops + store_drops;
  assert.equal(ledger.upstream, Math.max(0, ledger.missing - ledger.outage - local));
  assert.equal(ledger.unattributed, Math.max(0, ledger.outage + local - ledger.missing));

  const sent = ship.whole(isWhole);
  const held = new Set<string>();
  const last = new Map<number, number>();
  for (const packet of stored) {
    const apid = apidAt(packet, 0);
    const first = ledger.apids.find((one) => one.apid === apid)?.first_count ?? 0;
    const count = unwrapped(sequenceCountAt(packet, 0), last.get(apid) ?? first);
    last.set(apid, Math.max(count, last.get(apid) ?? count));
    const key = keyOf(apid, count);
    assert.equal(hexOf(packet), sent.get(key)?.hex, `packet ${key} is stored otherwise than it was sent`);
    assert.ok(!held.has(key), `packet ${key} is stored twice`);
    held.add(key);
  }
  for (const apid of ledger.apids) assertSequence(apid, held, sent);
  const outage = ledger.apids.flatMap(({ gaps }) => gaps.filter((gap) => gap.outage).map((gap) => gap.count));
  assert.equal(
    ledger.outage,
    outage.reduce((sum, count) => sum + count, 0),
  );
}

/** The node lived and its port was open throughout: the ledger says what the simulator says. */
export function assertHeardAll({ ledger, sent }: Flown): void {
  assert.equal(ledger.datagrams + (ledger.kernel_drops ?? 0), sent.datagrams, "sent to us = datagrams + kernel drops");
  assert.deepEqual([ledger.kernel_drops ?? 0, ledger.outage], [0, 0]);
  assert.equal(ledger.bytes, sent.bytes);
  assert.equal(ledger.idle, sent.idle);
  for (const [reason, count] of Object.entries(ledger.rejected))
    assert.equal(count, sent.corrupted[reason as keyof SentJson["corrupted"]] ?? 0, reason);
  const whole = sent.apids.reduce((sum, apid) => sum + apid.distinct + apid.duplicates, 0);
  assert.equal(ledger.stored + ledger.duplicates + ledger.store_drops + ledger.queue_drops, whole);
}

/** Nothing of it was lost on our side either. */
export function assertStoredAll({ ledger, sent }: Flown): void {
  assert.deepEqual([ledger.store_drops, ledger.queue_drops], [0, 0]);
  const of = (apid: ApidJson | SentJson["apids"][number], stored: number) => {
    const { first_count, last_count, missing, duplicates, out_of_order } = apid;
    return { apid: apid.apid, stored, missing, duplicates, out_of_order, first_count, last_count };
  };
  assert.deepEqual(
    ledger.apids.map((apid) => of(apid, apid.stored)),
    sent.apids.map((apid) => of(apid, apid.distinct)),
  );
}

/** Nobody listened for a while: what was sent whole and is not stored lies in gaps that are told as outage, or was dropped by the kernel. */
export function assertOutage({ ledger, ship }: Flown): void {
  assert.ok(ledger.outage > 0 && ledger.outage_ms > 0, "there is no outage");
  assert.deepEqual([ledger.store_drops, ledger.queue_drops], [0, 0]);
  const sent = ship.whole(isWhole);
  const elsewhere: string[] = [];
  for (const { apid, gaps } of ledger.apids) {
    for (const gap of gaps.filter(({ outage }) => !outage)) {
      for (const count of countsOf(gap)) {
        const lost = sent.get(keyOf(apid, count));
        // The link had held it back: the gap was there before the outage that it fell into.
        const isLate = lost === undefined || [...sent.values()].some((one) => overtook(one, lost));
        if (!isLate) elsewhere.push(keyOf(apid, count));
      }
    }
  }
  const dropped = ledger.kernel_drops ?? 0;
  assert.ok(
    elsewhere.length <= dropped,
    `sent whole and in no outage, beside ${dropped} drops: ${elsewhere.join(" ")}`,
  );
}

const overtook = (one: SentPacket, other: SentPacket): boolean =>
  one.apid === other.apid && one.count > other.count && one.order < other.order;

/** first … last is what is stored and the gaps, and no packet beyond them was stored. */
function assertSequence(account: ApidJson, held: ReadonlySet<string>, sent: ReadonlyMap<string, SentPacket>): void {
  const { apid, first_count: first, last_count: last, gaps } = account;
  assert.ok(first !== null && last !== null);
  assert.equal(account.gaps_omitted, 0);
  const missing = new Set(gaps.flatMap((gap) => countsOf(gap)));
  assert.equal(missing.size, account.missing);
  assert.equal(last - first + 1, account.stored - account.conflicts + account.missing);
  for (let count = first; count <= last; count++)
    assert.notEqual(held.has(keyOf(apid, count)), missing.has(count), `packet ${apid}:${count} is stored or missing`);
  for (const { apid: other, count } of sent.values())
    if (other === apid && (count < first || count > last)) assert.ok(!held.has(keyOf(apid, count)));
}

const countsOf = ({ after, count }: { readonly after: number; readonly count: number }): number[] =>
  Array.from({ length: count }, (_, i) => after + 1 + i);

const rejectedOf = ({ rejected }: LedgerJson): number => Object.values(rejected).reduce((sum, count) => sum + count, 0);

const hexOf = (packet: Uint8Array): string => Buffer.from(packet).toString("hex");

/** The example's packets all end in a CRC. */
function isWhole(datagram: Uint8Array): boolean {
  if (headerFault(datagram, 0, datagram.length) !== null || apidAt(datagram, 0) === idleApid) return false;
  return sizeAt(datagram, 0) === datagram.length && isCrcRight(datagram, 0, datagram.length);
}

function split(archive: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < archive.length; at += sizeAt(archive, at))
    packets.push(archive.subarray(at, at + sizeAt(archive, at)));
  return packets;
}
