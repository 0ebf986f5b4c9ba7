/**
 * Two-line element sets: where a ship is. Read strictly, as a digit that got lost moves a pass by minutes: each fault names its
 * line and its columns. The format is that of NORAD as Vallado et al. describe it (AIAA 2006-6753, appendix B).
 */

export interface Tle {
  /** Of the line above the two; null: there was none. */
  readonly name: string | null;
  readonly line1: string;
  readonly line2: string;
  /** As it is written: five digits, or a letter and four. */
  readonly catalogNumber: string;
  /** When the elements fit best. */
  readonly epochMs: number;
}

/** What is wrong with an element set; the message begins with the line and its columns. */
export class TleError extends Error {
  override readonly name = "TleError";
}

const lineLength = 69;
const nameLengthMax = 80;

/** What stands where: columns from 1, both inclusive, as the format's descriptions count. */
interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly shape: RegExp;
  readonly min?: number;
  readonly below?: number;
}

const real = /^\s*[+-]?\d*\.\d+\s*$/;
/** ±12345-6 stands for ±0.12345e-6. */
const exponential = /^[ +-]?\s*\d{1,5}[+-]\d$/;
const catalog = { name: "catalog number", from: 3, to: 7, shape: /^[ 0-9A-HJ-NP-Z][ 0-9]{3}\d$/ };

const fields: readonly (readonly Field[])[] = [
  [
    catalog,
    { name: "epoch year", from: 19, to: 20, shape: /^\d\d$/ },
    { name: "epoch day", from: 21, to: 32, shape: /^[ \d]{3}\.\d{8}$/, min: 1, below: 367 },
    { name: "first derivative of the mean motion", from: 34, to: 43, shape: real },
    { name: "second derivative of the mean motion", from: 45, to: 52, shape: exponential },
    { name: "drag term", from: 54, to: 61, shape: exponential },
  ],
  [
    catalog,
    { name: "inclination", from: 9, to: 16, shape: real, min: 0, below: 180.0001 },
    { name: "right ascension of the ascending node", from: 18, to: 25, shape: real, min: 0, below: 360.0001 },
    { name: "eccentricity", from: 27, to: 33, shape: /^[ \d]{6}\d$/ },
    { name: "argument of perigee", from: 35, to: 42, shape: real, min: 0, below: 360.0001 },
    { name: "mean anomaly", from: 44, to: 51, shape: real, min: 0, below: 360.0001 },
    { name: "mean motion", from: 53, to: 63, shape: real, min: 0.01, below: 20 },
  ],
];

/** Reads two lines, or three with a name above. Throws `TleError`. */
export function parseTle(text: string): Tle {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  if (lines.length < 2 || lines.length > 3)
    throw new TleError(`two lines are needed, or three with a name above them; there are ${lines.length}`);
  const [line1 = "", line2 = ""] = lines.slice(-2);
  const title = lines.length === 3 ? (lines[0] ?? "").replace(/^0 /, "").trim() : null;
  if (title !== null && title.length > nameLengthMax)
    throw new TleError(`the name above the lines is longer than ${nameLengthMax} characters`);
  checkLine(1, line1);
  checkLine(2, line2);
  const catalogNumber = line1.slice(2, 7);
  if (line2.slice(2, 7) !== catalogNumber)
    throw new TleError(
      `line 2, columns 3–7: the catalog number ${line2.slice(2, 7)} is not that of line 1, ${catalogNumber}`,
    );
  return { name: title, line1, line2, catalogNumber, epochMs: epochOf(line1) };
}

function checkLine(number: 1 | 2, line: string): void {
  if (line.length !== lineLength)
    throw new TleError(`line ${number}: ${lineLength} characters are needed, it has ${line.length}`);
  const strange = /[^ -~]/.exec(line);
  if (strange !== null) throw new TleError(`line ${number}, column ${strange.index + 1}: only ASCII may stand there`);
  if (line[0] !== String(number) || line[1] !== " ")
    throw new TleError(`line ${number}, columns 1–2: it begins with "${number} ", this one with "${line.slice(0, 2)}"`);
  for (const { name, from, to, shape, min = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } of fields[
    number - 1
  ] ?? []) {
    const given = line.slice(from - 1, to);
    const place = `line ${number}, columns ${from}–${to}`;
    if (!shape.test(given)) throw new TleError(`${place}: "${given}" is no ${name}`);
    const value = Number(given);
    if (value < min || value >= below) throw new TleError(`${place}: ${name} ${given.trim()} is out of its range`);
  }
  const sum = checksumOf(line);
  if (line[lineLength - 1] !== String(sum))
    throw new TleError(
      `line ${number}, column ${lineLength}: the checksum is ${line[lineLength - 1]}, the line adds up to ${sum}: a character of it is wrong`,
    );
}

/** The digits of the first 68 columns and 1 for each minus, modulo 10. */
function checksumOf(line: string): number {
  let sum = 0;
  for (const character of line.slice(0, lineLength - 1)) {
    if (character >= "0" && character <= "9") sum += Number(character);
    else if (character === "-") sum += 1;
  }
  return sum % 10;
}

/** Years are those from 1957 to 2056, days are counted from 1 and have a fraction. */
function epochOf(line1: string): number {
  const short = Number(line1.slice(18, 20));
  const year = short < 57 ? 2000 + short : 1900 + short;
  return Date.UTC(year, 0, 1) + (Number(line1.slice(20, 32)) - 1) * 86_400_000;
}
