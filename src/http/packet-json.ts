/** Stored packets as JSON, and the cursor by which one pages through them. */
import { readPrimaryHeader } from "../ground/ccsds.ts";
import { instantOf } from "../model/clock.ts";
import { InvalidRequestError } from "../model/errors.ts";
import type { ShipFormat } from "../model/pass.ts";
import type { TelemetryCursor, TelemetryPacket } from "../telemetry/telemetry.ts";

export function shownPacket(packet: TelemetryPacket, format: ShipFormat, encoding: "hex" | "base64"): object {
  return {
    pass_id: packet.passId,
    arrived_date: instantOf(packet.arrivedMs),
    size_bytes: packet.bytes.length,
    conflict: packet.conflict,
    header: format === "ccsds" ? shownHeader(packet.bytes) : null,
    data: encoding === "hex" ? packet.bytes.toHex() : packet.bytes.toBase64(),
  };
}

function shownHeader(bytes: Uint8Array): object | null {
  const header = readPrimaryHeader(bytes);
  if ("reject" in header) return null;
  const { type, apid, sequenceFlags, sequenceCount, secondaryHeader } = header;
  return {
    type,
    apid,
    sequence_flags: sequenceFlags,
    sequence_count: sequenceCount,
    secondary_header: secondaryHeader,
  };
}

export function writeCursor({ stream, entry, packet }: TelemetryCursor): string {
  return Buffer.from(`${stream}|${entry}|${packet}`).toString("base64url");
}

/** A stream's name has letters, digits, colons, dots and hyphens only: nothing that a folder or a key would take otherwise. */
const cursorShape = /^([A-Za-z0-9:.-]{1,120})\|(\d{1,16})\|(\d{1,16})$/;

export function readCursor(given: string | null): TelemetryCursor | undefined {
  if (given === null) return undefined;
  const [, stream, entry, packet] = cursorShape.exec(Buffer.from(given, "base64url").toString()) ?? [];
  if (stream === undefined) throw new InvalidRequestError("before: it is not the next_before of a page", "before");
  return { stream, entry: Number(entry), packet: Number(packet) };
}
