/** Walks the packets of a stored entry, each decoded into the plan's flat arrays. */
import { apidAt } from "../ground/ccsds.ts";
import { decodeInto, type Values } from "../ground/decode.ts";
import type { DecodePlan, PacketPlan } from "../ground/field-plan.ts";
import { takenMsOf } from "../ground/packet-time.ts";
import { type PacketPlace, placesOf } from "../telemetry/entry.ts";

/** What `visit` finds in `values` is of this packet only: fields that it is too short for are not known. */
export interface Decoded {
  readonly packet: PacketPlan;
  readonly place: PacketPlace;
  readonly takenMs: number;
}

/** Returns how many packets there were. Those of APIDs that the plan does not know are only counted. */
export function eachDecoded(
  payload: Uint8Array,
  plan: DecodePlan,
  values: Values,
  visit: (decoded: Decoded) => void,
): number {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const places = placesOf(payload);
  for (const place of places) {
    const packet = plan.packets[plan.byApid[apidAt(payload, place.start)] ?? -1];
    if (packet === undefined) continue;
    values.known.fill(0, packet.firstParameter, packet.firstParameter + packet.fieldCount);
    decodeInto(values, packet, view, place.start, place.sizeBytes);
    visit({ packet, place, takenMs: takenMsOf(packet, values, place.sizeBytes, place.arrivedMs) });
  }
  return places.length;
}
