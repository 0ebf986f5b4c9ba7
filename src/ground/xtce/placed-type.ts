/** Our type of a value at its place: whole octets where it begins at one, else bits. */
import { headerBytes } from "../ccsds.ts";
import type { FieldDefinition } from "../packet-definition.ts";
import { NotUnderstood } from "./faults.ts";
import type { ValueShape } from "./parameter-type.ts";

type PlacedType = Partial<FieldDefinition> & Pick<FieldDefinition, "type">;

export function isAligned({ bit }: { readonly bit: number }): boolean {
  return (bit - headerBytes * 8) % 8 === 0;
}

/** `aligned`: in every packet that it is in, as a parameter has one definition. */
export function placedType({ encoding, time }: ValueShape, aligned: boolean): PlacedType {
  const { as, sizeBits, signed, little, element } = encoding;
  if (as === "integer" && time === null) return wholeNumber(encoding, aligned);
  if (!aligned) throw new NotUnderstood(element, `its ${element.name} does not begin at a whole octet`);
  if (as === "float")
    return { type: sizeBits === 32 ? "f32" : "f64", ...(little && { byte_order: "little" as const }) };
  if (sizeBits % 8 !== 0) throw new NotUnderstood(element, "it is not of whole octets");
  if (time !== null) {
    const { fineBytes, epoch } = time;
    return { type: "cuc", coarse_bytes: sizeBits / 8 - fineBytes, fine_bytes: fineBytes, epoch };
  }
  if (signed) throw new NotUnderstood(element, "it has a sign");
  return { type: as === "text" ? "string" : "bytes", bytes: sizeBits / 8 };
}

const wholeTypes: Readonly<Record<number, readonly ["u8" | "u16" | "u32" | "u64", "i8" | "i16" | "i32" | "i64"]>> = {
  8: ["u8", "i8"],
  16: ["u16", "i16"],
  32: ["u32", "i32"],
  64: ["u64", "i64"],
};

function wholeNumber({ sizeBits, signed, little, element }: ValueShape["encoding"], aligned: boolean): PlacedType {
  const types = wholeTypes[sizeBits];
  const order = little ? { byte_order: "little" as const } : {};
  if (aligned && types !== undefined) return { type: types[signed ? 1 : 0], ...(sizeBits > 8 && order) };
  if (sizeBits > 53)
    throw new NotUnderstood(element, `it is a number of ${sizeBits} bits: 53, or 64 at a whole octet, are possible`);
  const isWhole = aligned && sizeBits % 8 === 0;
  if (little && sizeBits > 8 && !isWhole)
    throw new NotUnderstood(element, "it is little-endian and not of whole octets");
  return { type: "bits", bits: sizeBits, ...(signed && { signed }), ...(isWhole && sizeBits > 8 && order) };
}
