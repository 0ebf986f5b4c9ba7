/** Walks the packets of a stored entry, each decoded into the plan's flat arrays. */
import { apidAt } from "../ground/ccsds.ts";
import { decodeInto, packetIndex, type Values } from "../ground/decode.ts";
import { type DecodePlan, type PacketPlan, parameterOf } from "../ground/field-plan.ts";
import { takenMsOf } from "../ground/packet-time.ts";
import { type PacketPlace, placesOf } from "../telemetry/entry.ts";

/** What `visit` finds in `values` is of this packet only: fields that it is too short for are not known. */
export interface Decoded {
  readonly packet: PacketPlan;
  readonly place: PacketPlace;
  readonly takenMs: number;
}

/** Returns how many packets there were. Those that the plan has no packet for are only counted. */
export function eachDecoded(
  payload: Uint8Array,
  plan: DecodePlan,
  values: Values,
  visit: (decoded: Decoded) => void,
): number {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const places = placesOf(payload);
  for (const place of places) {
    const { start, sizeBytes } = place;
    const packet = plan.packets[packetIndex(plan, apidAt(payload, start), view, start, sizeBytes)];
    if (packet === undefined) continue;
    for (let field = 0; field < packet.fieldCount; field++) values.known[parameterOf(packet, field)] = 0;
    decodeInto(values, packet, view, start, sizeBytes);
    visit({ packet, place, takenMs: takenMsOf(packet, values, sizeBytes, place.arrivedMs) });
  }
  return places.length;
}
