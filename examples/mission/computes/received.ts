/** What a pass handed to its products: the archive of its packets, their definition, the ledger; and where products go. */
import { readFileSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { sizeAt } from "../../../src/ground/ccsds.ts";
import { createPacketDecoder, type DecodedPacket } from "../../../src/ground/latest.ts";
import { type PacketDefinition, parsePacketDefinition } from "../../../src/ground/packet-definition.ts";

export interface Received {
  readonly passId: string;
  readonly ship: string;
  readonly archive: { readonly path: string; readonly sha256: string; readonly packets: number };
  readonly definition: PacketDefinition;
  /** Of this pass, made if it is not there: products/<pass> beside the archives. */
  readonly folder: string;
}

/** Reads the template's parameters, which every product of the plan has in its passthrough. */
export async function receivedBy(task: Pick<FunctionTask, "passthrough">): Promise<Received> {
  const params = objectAt(task.passthrough, "params");
  const archive = objectAt(params, "archive");
  if (textAt(archive, "format") !== "ccsds") throw new Error("The example's products are made of CCSDS packets only");
  const path = textAt(archive, "path");
  const passId = textAt(objectAt(params, "pass"), "id");
  const folder = join(dirname(dirname(dirname(path))), "products", passId);
  await mkdir(folder, { recursive: true });
  return {
    passId,
    ship: textAt(objectAt(params, "pass"), "ship"),
    archive: { path, sha256: textAt(archive, "sha256"), packets: Number(archive.packets) },
    definition: parsePacketDefinition(JSON.parse(readFileSync(textAt(archive, "definition"), "utf8"))),
    folder,
  };
}

export interface ReceivedPacket extends DecodedPacket {
  /** Modulo 16,384, as sent. */
  readonly sequenceCount: number;
}

const blockBytes = 1024 * 1024;

/** Every packet of the archive that the definition knows, in the order of storing; reads a block at a time. */
export async function* packetsOf({ archive, definition }: Received): AsyncGenerator<ReceivedPacket> {
  const decode = createPacketDecoder(definition);
  const file = await open(archive.path);
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
    if (rest.length > 0) throw new Error(`${archive.path} ends within a packet: ${rest.length} octets are left`);
  } finally {
    await file.close();
  }
}

export function objectAt(value: unknown, key: string): Record<string, unknown> {
  const found = isObject(value) ? value[key] : undefined;
  if (!isObject(found)) throw new Error(`"${key}" is missing: is this product part of a pass's plan?`);
  return found;
}

function textAt(value: Record<string, unknown>, key: string): string {
  const found = value[key];
  if (typeof found !== "string") throw new Error(`"${key}" is missing: is this product part of a pass's plan?`);
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
