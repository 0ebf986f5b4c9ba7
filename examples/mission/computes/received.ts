/** What a pass handed to its products: the archive of its packets, their definition, the ledger; and where products go. */
import { readFileSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { sizeAt } from "../../../src/ground/ccsds.ts";
import type { PassParams } from "../../../src/ground/completion.ts";
import { createPacketDecoder, type DecodedPacket } from "../../../src/ground/latest.ts";
import { type PacketDefinition, parsePacketDefinition } from "../../../src/ground/packet-definition.ts";

/** The parameters that the pass gave its template: every product of the plan has them in its passthrough. */
export function passOf(task: Pick<FunctionTask, "passthrough">): PassParams {
  const { params } = (task.passthrough ?? {}) as { params?: unknown }; // a template's products have an object here
  const isOfPass = typeof params === "object" && params !== null && "telemetry" in params && "ledger" in params;
  if (!isOfPass) throw new Error("Cannot compute this product as its plan is not that of a pass: it has no telemetry");
  return params as PassParams; // made by the ground segment in this shape
}

/** Where the products of this pass go: products/<pass> beside the archives, made if it is not there. */
export async function productFolder({ pass, telemetry }: PassParams): Promise<string> {
  const folder = join(dirname(dirname(dirname(telemetry.path))), "products", pass.id);
  await mkdir(folder, { recursive: true });
  return folder;
}

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
