/** Version 7 uuids in the order in which they were asked for, so that what one node enqueues together stays in order. */
import { randomUUID } from "node:crypto";
import { firstTimeUuid, type Uuid } from "./ids.ts";

/** What the 12 bits after the version hold (RFC 9562, §6.2, method 1). */
const countMax = 0xfff;

/** Within one millisecond they count; a full one borrows from the next. Each is greater than the one before it. */
export function createTimeIds(nowMs: () => number = Date.now): () => Uuid {
  let atMs = 0;
  let count = 0;
  return () => {
    const ms = Math.floor(nowMs());
    if (ms > atMs) {
      atMs = ms;
      count = 0;
    } else if (count < countMax) {
      count += 1;
    } else {
      atMs += 1;
      count = 0;
    }
    return `${firstTimeUuid(atMs).slice(0, 14)}7${count.toString(16).padStart(3, "0")}${randomUUID().slice(18)}`;
  };
}
