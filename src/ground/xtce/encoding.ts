/** XTCE data encodings: how many bits a value has and what they mean, and the calibrator that an encoding holds. */
import type { FieldDefinition } from "../packet-definition.ts";
import { NotUnderstood } from "./faults.ts";
import { childOf, childrenOf, numberOf, sizeIn, wholeIn, type XmlElement } from "./xml.ts";

export type Calibration = Exclude<NonNullable<FieldDefinition["calibration"]>, { enum: unknown }>;

export interface Encoding {
  readonly element: XmlElement;
  readonly as: "integer" | "float" | "text" | "octets";
  readonly sizeBits: number;
  /** Of integers: two's complement. */
  readonly signed: boolean;
  /** The least significant octet first. */
  readonly little: boolean;
}

const encodings = ["IntegerDataEncoding", "FloatDataEncoding", "StringDataEncoding", "BinaryDataEncoding"];

/** The encoding in `holder`. Null: it has none. Its size is known, or the container cannot be laid out: `NotUnderstood`. */
export function encodingIn(holder: XmlElement): XmlElement | null {
  return holder.children.find(({ name }) => encodings.includes(name)) ?? null;
}

export function encodingSizeBits(element: XmlElement): number {
  if (element.name === "IntegerDataEncoding") return sizeOf(element, "8");
  if (element.name === "FloatDataEncoding") return sizeOf(element, "32");
  return fixedSize(element);
}

const sizeOf = (element: XmlElement, or: string): number =>
  sizeIn(element, element.attributes.get("sizeInBits") ?? or, "sizeInBits");

/** What its bits mean. `NotUnderstood`: they cannot be read, though it is known how many they are. */
export function readEncoding(element: XmlElement): Encoding {
  const sizeBits = encodingSizeBits(element);
  if (element.attributes.get("bitOrder") === "leastSignificantBitFirst")
    throw new NotUnderstood(element, "has the bit order leastSignificantBitFirst");
  const given = element.attributes.get("encoding");
  const whole = { element, sizeBits, signed: false, little: isLittle(element, sizeBits) };
  switch (element.name) {
    case "IntegerDataEncoding": {
      const signed = given === "twosComplement" || given === "twosCompliment";
      if (given !== undefined && given !== "unsigned" && !signed)
        throw new NotUnderstood(element, `has the integer encoding ${given}`);
      return { ...whole, as: "integer", signed };
    }
    case "FloatDataEncoding":
      if (given !== undefined && given !== "IEEE754_1985" && given !== "IEEE754")
        throw new NotUnderstood(element, `has the float encoding ${given}`);
      if (sizeBits !== 32 && sizeBits !== 64) throw new NotUnderstood(element, `is a float of ${sizeBits} bits`);
      return { ...whole, as: "float" };
    case "StringDataEncoding":
      if (given !== undefined && given !== "UTF-8" && given !== "US-ASCII")
        throw new NotUnderstood(element, `has the character encoding ${given}`);
      checkTerminator(element);
      return { ...whole, as: "text", little: false };
    default:
      return { ...whole, as: "octets", little: false };
  }
}

/** 1.2 says it by an attribute, 1.1 by a list of the octets' significances in the order in which they come, 0 the least. */
function isLittle(element: XmlElement, sizeBits: number): boolean {
  const order = element.attributes.get("byteOrder");
  if (order === "leastSignificantByteFirst") return true;
  const bytes = childrenOf(childOf(element, "ByteOrderList"), "Byte").map((byte) => numberOf(byte, "byteSignificance"));
  const listed = bytes.length === 0 ? null : bytes.join(",");
  const ascending = bytes.map((_, i) => i);
  if (listed === ascending.join(",") && bytes.length * 8 === sizeBits && bytes.length > 1) return true;
  const isBig = listed === null || listed === ascending.reverse().join(",");
  if (isBig && (order === undefined || order === "mostSignificantByteFirst")) return false;
  throw new NotUnderstood(element, "has a byte order that is neither the most nor the least significant first");
}

/** Ours end at their first NUL. */
function checkTerminator(element: XmlElement): void {
  const size = childOf(element, "SizeInBits");
  const terminator = size && childOf(size, "TerminationChar")?.text.trim();
  if (terminator !== undefined && !/^(00)+$/.test(terminator))
    throw new NotUnderstood(element, `ends at the character ${terminator.slice(0, 20)} instead of NUL`);
}

function fixedSize(element: XmlElement): number {
  const size = childOf(element, "SizeInBits");
  const fixed = size && childOf(childOf(size, "Fixed") ?? size, "FixedValue");
  if (fixed === undefined || (size && childOf(size, "LeadingSize")) !== undefined)
    throw new NotUnderstood(element, "has no fixed size");
  return sizeIn(fixed, fixed.text, "FixedValue");
}

/** The encoding's DefaultCalibrator; null: none. */
export function readCalibrator(encoding: XmlElement): Calibration | null {
  const context = childOf(encoding, "ContextCalibratorList");
  if (context !== undefined) throw new NotUnderstood(context, "calibrates by context");
  const calibrator = childOf(encoding, "DefaultCalibrator");
  if (calibrator === undefined) return null;
  const [how] = calibrator.children.filter(({ name }) => name.endsWith("Calibrator"));
  if (how?.name === "PolynomialCalibrator") return { polynomial: polynomialOf(how) };
  if (how?.name === "SplineCalibrator") return { table: tableOf(how) };
  throw new NotUnderstood(how ?? calibrator, "is neither a PolynomialCalibrator nor a SplineCalibrator");
}

function polynomialOf(element: XmlElement): number[] {
  const polynomial: number[] = [0];
  for (const term of childrenOf(element, "Term")) {
    const exponent = numberOf(term, "exponent");
    if (!Number.isInteger(exponent) || exponent < 0 || exponent > 15)
      throw new NotUnderstood(term, `has the exponent ${exponent}: 0 to 15 are possible`);
    while (polynomial.length <= exponent) polynomial.push(0);
    polynomial[exponent] = (polynomial[exponent] ?? 0) + numberOf(term, "coefficient");
  }
  return polynomial;
}

/** Ours are straight lines, flat outside: other orders, and lines that go on outside, are not. */
function tableOf(element: XmlElement): [number, number][] {
  const order = element.attributes.get("order") ?? "1";
  if (wholeIn(element, order, "order") !== 1) throw new NotUnderstood(element, `is a spline of order ${order}`);
  if (element.attributes.get("extrapolate") === "true") throw new NotUnderstood(element, "extrapolates");
  const points = childrenOf(element, "SplinePoint").map((point): [number, number] => [
    numberOf(point, "raw"),
    numberOf(point, "calibrated"),
  ]);
  points.sort(([a], [b]) => a - b);
  if (points.length < 2 || points.length > 4096 || points.some(([raw], i) => i > 0 && raw === points[i - 1]?.[0]))
    throw new NotUnderstood(element, "needs 2 to 4096 points, each with a raw value of its own");
  return points;
}
