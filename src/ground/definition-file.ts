/** A packet definition from the text of a file: XTCE where it is XML, else YAML, or JSON, which is YAML too. */
import { type PacketDefinition, parsePacketYaml } from "./packet-definition.ts";
import type { LeftOut } from "./xtce/faults.ts";
import { parseXtce } from "./xtce/xtce.ts";

export interface ReadDefinition {
  readonly definition: PacketDefinition;
  /** Of XTCE: what is not in the definition. */
  readonly leftOut: readonly LeftOut[];
}

/** `name` is what messages call it. Throws `InvalidRequestError` with the line. */
export function readDefinition(text: string, name: string): ReadDefinition {
  if (/^\uFEFF?\s*</.test(text)) return parseXtce(text, name);
  return { definition: parsePacketYaml(text, name), leftOut: [] };
}
