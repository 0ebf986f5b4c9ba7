import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTle, TleError } from "./tle.ts";

const line1 = "1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082";
const line2 = "2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473";

/** The line with other characters from a column on, its checksum made right again. */
function changed(line: string, column: number, text: string): string {
  const body = (line.slice(0, column - 1) + text + line.slice(column - 1 + text.length)).slice(0, 68);
  let sum = 0;
  for (const character of body) sum += character === "-" ? 1 : Number(character) || 0;
  return body + (sum % 10);
}

describe("a two-line element set", () => {
  it("is read with or without a name, and with the line ends of any system", () => {
    const tle = parseTle(`${line1}\n${line2}`);
    assert.deepEqual([tle.name, tle.catalogNumber, tle.line1, tle.line2], [null, "25544", line1, line2]);
    // 20 January 2014, 22:23:04, as Skyfield's documentation gives it.
    assert.equal(new Date(Math.round(tle.epochMs / 1000) * 1000).toISOString(), "2014-01-20T22:23:04.000Z");
    assert.equal(parseTle(`ISS (ZARYA)             \r\n${line1}\r\n${line2}\r\n`).name, "ISS (ZARYA)");
    assert.equal(parseTle(`0 ISS (ZARYA)\n${line1}\n${line2}`).name, "ISS (ZARYA)");
  });

  it("is of 1957 to 2056", () => {
    const epoch = (year: string) =>
      new Date(parseTle(`${changed(line1, 19, year)}\n${line2}`).epochMs).getUTCFullYear();
    assert.deepEqual([epoch("57"), epoch("99"), epoch("00"), epoch("56")], [1957, 1999, 2000, 2056]);
  });

  it("with a fault is refused by its line and its columns", () => {
    for (const [text, expected] of [
      ["", /two lines are needed.* there are 0/],
      [line1, /there are 1/],
      [`a\nb\n${line1}\n${line2}`, /there are 4/],
      [`${line2}\n${line1}`, /^line 1, columns 1–2: /],
      [`${line1.slice(0, 60)}\n${line2}`, /^line 1: 69 characters are needed, it has 60/],
      [`${line1}\n${line2}0`, /^line 2: 69 characters are needed, it has 70/],
      [`${line1.slice(0, -1)}3\n${line2}`, /^line 1, column 69: the checksum is 3, the line adds up to 2/],
      [`${line1}\n${line2.replace("51.6498", "51.6489").replace("109.4756", "109.4757")}`, /^line 2, column 69/],
      [`${line1}\n${changed(line2, 3, "25545")}`, /^line 2, columns 3–7: .*25545 is not that of line 1, 25544/],
      [`${changed(line1, 21, "400")}\n${line2}`, /^line 1, columns 21–32: epoch day 400.93268519 is out of its range/],
      [`${line1}\n${changed(line2, 9, " 5x.6498")}`, /^line 2, columns 9–16: " 5x.6498" is no inclination/],
      [`${line1}\n${changed(line2, 9, "181.6498")}`, /^line 2, columns 9–16: inclination 181.6498 is out/],
      [`${line1}\n${changed(line2, 27, "0.00357")}`, /^line 2, columns 27–33: "0.00357" is no eccentricity/],
      [`${line1}\n${changed(line2, 53, "00.00000000")}`, /^line 2, columns 53–63: mean motion/],
      [`${line1.replace("U", "ü")}\n${line2}`, /^line 1, column 8: only ASCII/],
    ] as const) {
      assert.throws(
        () => parseTle(text),
        (error) => error instanceof TleError && expected.test(error.message),
        text,
      );
    }
  });
});
