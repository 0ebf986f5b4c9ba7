/** The packets of a pass, decoded one after the other from its archive. */
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { sizeAt } from "../../../src/ground/ccsds.ts";
import { createPacketDecoder, type DecodedPacket } from "../../../src/ground/latest.ts";
import { type PacketDefinition, parsePacketDefinition } from "../../../src/ground/packet-definition.ts";
import type { PassParams } from "../../../src/ground/pass-params.ts";

export function definitionOf({ ship, telemetry }: PassParams): PacketDefinition {
  if (telemetry.format !== "ccsds") throw new Error(`Cannot decode ${ship} as it sends ${telemetry.format}, not CCSDS`);
  if (telemetry.definition_path === null) throw new Error(`Cannot decode ${ship} as it has no packet definition`);
  return parsePacketDefinition(JSON.parse(readFileSync(telemetry.definition_path, "utf8")));
}

export interface ReceivedPacket extends DecodedPacket {
  /** Modulo 16,384, as sent. */
  readonly sequenceCount: number;
}

const blockBytes = 1024 * 1024;

/** Every packet of the archive that the definition knows, in the order of storing; reads a block at a time. */
export async function* packetsOf(path: string, definition: PacketDefinition): AsyncGenerator<ReceivedPacket> {
  const decode = createPacketDecoder(definition);
  const file = await open(path);
  try {
    let rest = new Uint8Array(0);
    for (;;) {
      const block = new Uint8Array(rest.length + blockBytes);
      block.set(rest);
      const { bytesRead } = await file.read(block, rest.length, blockBytes);
      const end = rest.length + bytesRead;
      let at = 0;
      while (end - at >= 6 && end - at >= sizeAt(block, at)) {
        const packet = block.subarray(at, at + sizeAt(block, at));
        const decoded = decode(packet);
        if (decoded !== null) yield { ...decoded, sequenceCount: (((packet[2] ?? 0) & 0x3f) << 8) | (packet[3] ?? 0) };
        at += packet.length;
      }
      rest = block.slice(at, end);
      if (bytesRead === 0) break;
    }
    if (rest.length > 0) throw new Error(`${path} ends within a packet: ${rest.length} octets are left`);
  } finally {
    await file.close();
  }
}
