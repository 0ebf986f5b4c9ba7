/** When a packet's values were taken: what its time field says, where it has one that can be believed, else when it arrived. */
import type { Values } from "./decode.ts";
import { type PacketPlan, parameterOf, slot, slots } from "./field-plan.ts";

/** A recorder may play back what is months old; a clock that was never set says 1970 or 1980. */
const recordedMsMax = 366 * 86_400_000;
/** Clocks differ, but nothing arrives before it was sent. */
const aheadMsMax = 3_600_000;

/** Of the packet that was decoded last into `values`. Milliseconds since 1970. */
export function takenMsOf(packet: PacketPlan, values: Values, sizeBytes: number, arrivedMs: number): number {
  const { timeField } = packet;
  if (timeField === -1 || (packet.program[timeField * slots + slot.end] ?? 0) > sizeBytes) return arrivedMs;
  const takenMs = values.value[parameterOf(packet, timeField)] ?? Number.NaN;
  return takenMs > arrivedMs - recordedMsMax && takenMs < arrivedMs + aheadMsMax ? takenMs : arrivedMs;
}
