/** A packet as a flow's message: JSON of what its header says, when it came, and its values by the ship's definition, or its octets. */
import { apidAt, sequenceCountAt } from "../../ground/ccsds.ts";
import { createPacketDecoder } from "../../ground/latest.ts";
import { parsePacketDefinition } from "../../ground/packet-definition.ts";
import { instantOf } from "../../model/clock.ts";
import type { ShipFormat, ShipRow } from "../../model/pass.ts";
import { type PacketPlace, placesOf } from "../../telemetry/entry.ts";
import type { Message } from "../message.ts";

export interface PacketOrigin {
  readonly flow: string;
  readonly ship: Pick<ShipRow, "ship" | "format" | "definition">;
  readonly passId: string;
  /** Null: packets of all APIDs. */
  readonly apids: ReadonlySet<number> | null;
}

export interface PacketMessages {
  /** Those of an entry's packets from the `from`-th on that are wanted. `at`: the place of its first packet in the pass, from 0. */
  of(payload: Uint8Array, at: number, from: number): Message[];
}

/** Throws when the ship's definition cannot be read. */
export function createPacketMessages({ flow, ship: { ship, format, definition }, passId, apids }: PacketOrigin) {
  const decode = definition === null ? null : createPacketDecoder(parsePacketDefinition(JSON.parse(definition)));

  function jsonOf(bytes: Uint8Array, place: PacketPlace, apid: number | null): string {
    const decoded = decode?.(bytes) ?? null;
    const receivedAt = instantOf(place.arrivedMs);
    return JSON.stringify({
      ship,
      pass_id: passId,
      apid,
      sequence: apid === null ? null : sequenceCountAt(bytes, 0),
      time: decoded?.takenAt ?? receivedAt,
      received_at: receivedAt,
      packet: decoded?.packet ?? null,
      ...(place.conflict && { conflict: true }),
      ...(decoded === null
        ? { data: bytes.toHex() }
        : { values: Object.fromEntries([...decoded.values].map(([name, { value }]) => [name, value])) }),
    });
  }

  return {
    of(payload, at, from) {
      const messages: Message[] = [];
      for (const [i, place] of placesOf(payload).entries()) {
        if (i < from) continue;
        const bytes = payload.subarray(place.start, place.start + place.sizeBytes);
        const apid = apidOf(bytes, format);
        if (apids !== null && (apid === null || !apids.has(apid))) continue;
        const offset = at + i;
        messages.push({
          flow,
          partition: passId,
          id: String(offset),
          offset,
          key: ship,
          value: jsonOf(bytes, place, apid),
          timestampMs: place.arrivedMs,
          headers: {},
        });
      }
      return messages;
    },
  } satisfies PacketMessages;
}

const apidOf = (bytes: Uint8Array, format: ShipFormat): number | null => (format === "ccsds" ? apidAt(bytes, 0) : null);
