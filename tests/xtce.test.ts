/** XTCE's parameter types and encodings become fields, and those decode to what the octets say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodedBy, integer, oneOfEach, reasonsOf, xtce11 } from "./support/xtce.ts";

const octets = (size: number, set: (view: DataView) => void): number[] => {
  const view = new DataView(new ArrayBuffer(size));
  set(view);
  return [...new Uint8Array(view.buffer)];
};

const float = (bits: number, more = ""): string =>
  `<FloatParameterType name="x"><UnitSet/><FloatDataEncoding sizeInBits="${bits}" ${more}/></FloatParameterType>`;

const withCalibrator = (calibrator: string, more = ""): string =>
  `<FloatParameterType name="x"><UnitSet><Unit>V</Unit></UnitSet><IntegerDataEncoding sizeInBits="16" ${more}><DefaultCalibrator>${calibrator}</DefaultCalibrator></IntegerDataEncoding></FloatParameterType>`;

describe("XTCE parameter types", () => {
  it("read whole numbers of any size at any bit, signed and unsigned", () => {
    const made = oneOfEach({
      a: integer("x", 8),
      b: integer("x", 16, 'encoding="twosComplement"'),
      c: integer("x", 64),
      d: integer("x", 3),
      e: integer("x", 12, 'encoding="twosComplement"'),
      f: integer("x", 16),
      g: integer("x", 33),
      // A parameter that begins at an octet again.
      h: integer("x", 8, 'encoding="twosCompliment"'),
    });
    // d = 101, e = 1000 0000 0001, f = 0000 0001 0000 0010, g = 1 and 32 bits, all behind one another, then h.
    const bits = `101${"100000000001"}${"0000000100000010"}${`1${"01".repeat(16)}`}`;
    const packed = bits.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? [];
    const data = [250, 0xff, 0xfe, ...octets(8, (view) => view.setBigUint64(0, 2n ** 63n + 1n)), ...packed, 0x80];
    assert.equal(bits.length % 8, 0);
    assert.deepEqual(decodedBy(made, data)?.values, {
      ...{ a: 250, b: -2, c: "9223372036854775809", d: 5, e: -2047, f: 258 },
      ...{ g: 2 ** 32 + 0x55555555, h: -128 },
    });
    assert.deepEqual(
      made.definition.packets[0]?.fields.map(({ type }) => type),
      ["u8", "i16", "u64", "bits", "bits", "bits", "bits", "i8"],
    );
    assert.deepEqual(reasonsOf(made), ["is left out: it is in the primary header, which is read anyway"]);
  });

  it("read both byte orders, as 1.2 says them and as 1.1 does", () => {
    const little = 'byteOrder="leastSignificantByteFirst"';
    const list = (...significances: number[]): string =>
      `<ByteOrderList>${significances.map((one) => `<Byte byteSignificance="${one}"/>`).join("")}</ByteOrderList>`;
    const made = oneOfEach({
      a: integer("x", 16, little),
      b: integer("x", 24, little),
      c: integer("x", 32, "", list(0, 1, 2, 3)),
      d: integer("x", 32, "", list(3, 2, 1, 0)),
      e: float(32, little),
      f: float(64),
      g: integer("x", 16, "", list(1, 1)),
    });
    const numbers = octets(12, (view) => {
      view.setFloat32(0, 1.5, true);
      view.setFloat64(4, -0.25);
    });
    const data = [1, 2, 1, 2, 3, 1, 0, 0, 0, 0, 0, 0, 1, ...numbers, 9, 9];
    assert.deepEqual(decodedBy(made, data)?.values, { a: 513, b: 0x030201, c: 1, d: 1, e: 1.5, f: -0.25 });
    assert.ok(reasonsOf(made).some((reason) => /byte order that is neither/.test(reason)));
  });

  it("calibrate by polynomials and by splines of order 1, flat outside", () => {
    const terms =
      '<Term coefficient="0.5" exponent="2"/><Term coefficient="-8" exponent="0"/><Term coefficient="2" exponent="1"/>';
    const points =
      '<SplinePoint raw="100" calibrated="1"/><SplinePoint raw="0" calibrated="0"/><SplinePoint raw="300" calibrated="-1"/>';
    const spline = (more = ""): string => `<SplineCalibrator ${more}>${points}</SplineCalibrator>`;
    const made = oneOfEach({
      a: withCalibrator(`<PolynomialCalibrator>${terms}</PolynomialCalibrator>`),
      b: withCalibrator(spline('order="1"'), 'encoding="twosComplement"'),
      c: withCalibrator(spline()),
      d: withCalibrator(spline('order="0"')),
      e: withCalibrator(spline('extrapolate="true"')),
      f: withCalibrator("<MathOperationCalibrator/>"),
    });
    // y = x²/2 + 2x − 8 at 10; between 0 and 100 and between 100 and 300; beyond both ends.
    const data = [0, 10, 0xff, 0xfe, 0, 200, 0, 0, 0, 0, 0, 0];
    assert.deepEqual(decodedBy(made, data)?.values, { a: 62, b: 0, c: 0 });
    assert.equal(made.definition.packets[0]?.fields[0]?.unit, "V");
    assert.deepEqual(reasonsOf(made).filter((reason) => reason.includes("skipped")).length, 3);
  });

  it("show enumerations, with ranges, and booleans as their texts", () => {
    const labels =
      '<Enumeration value="0" label="OFF"/><Enumeration value="-1" label="ERR"/><Enumeration value="3" maxValue="5" label="ON"/>';
    const enumeration = (list: string): string =>
      `<EnumeratedParameterType name="x"><UnitSet/><IntegerDataEncoding sizeInBits="4" encoding="twosComplement"/><EnumerationList>${list}</EnumerationList></EnumeratedParameterType>`;
    const boolean = (more: string): string =>
      `<BooleanParameterType name="x" ${more}><UnitSet/><IntegerDataEncoding sizeInBits="1"/></BooleanParameterType>`;
    const made = oneOfEach({
      a: enumeration(labels),
      b: enumeration(labels),
      c: enumeration(labels),
      d: boolean(""),
      e: boolean('zeroStringValue="DARK" oneStringValue="SUN"'),
    });
    assert.deepEqual(decodedBy(made, [0xf4, 0b0001_0_1_00])?.values, { a: "ERR", b: "ON", c: 1, d: "False", e: "SUN" });
  });

  it("read strings and octets of a fixed size", () => {
    const fixed =
      "<SizeInBits><Fixed><FixedValue>32</FixedValue></Fixed><TerminationChar>00</TerminationChar></SizeInBits>";
    const made = oneOfEach({
      a: `<StringParameterType name="x"><StringDataEncoding encoding="UTF-8">${fixed}</StringDataEncoding></StringParameterType>`,
      b: '<BinaryParameterType name="x"><BinaryDataEncoding><SizeInBits><FixedValue>16</FixedValue></SizeInBits></BinaryDataEncoding></BinaryParameterType>',
      c: integer("x", 8),
    });
    assert.deepEqual(decodedBy(made, [0x68, 0x69, 0, 1, 0xbe, 0xef, 3])?.values, { a: "hi", b: "beef", c: 3 });
  });

  it("read times that are CUC, from named epochs and from dates; any other time is its number", () => {
    const time = (bits: number, more: string, epoch: string): string =>
      `<AbsoluteTimeParameterType name="x"><Encoding ${more}><IntegerDataEncoding sizeInBits="${bits}"/></Encoding><ReferenceTime><Epoch>${epoch}</Epoch></ReferenceTime></AbsoluteTimeParameterType>`;
    const made = oneOfEach({
      a: time(48, 'units="seconds" scale="1.52587890625E-5"', "GPS"),
      b: time(32, "", "UNIX"),
      c: time(32, "", "TAI"),
      d: time(32, "", "J2000"),
      e: time(32, "", "2000-01-01"),
      f: time(32, 'scale="0.001" offset="5"', "TAI"),
      g: '<RelativeTimeParameterType name="x"><Encoding scale="0.5"><IntegerDataEncoding sizeInBits="8"/></Encoding></RelativeTimeParameterType>',
    });
    const seconds = (value: number) => octets(4, (view) => view.setUint32(0, value));
    const data = [
      ...[...seconds(1_000_000_000), 0x80, 0],
      ...[seconds(1_315_964_785), seconds(0), seconds(64), seconds(86_400), seconds(2500)].flat(),
      3,
    ];
    assert.deepEqual(decodedBy(made, data)?.values, {
      a: "2011-09-14T01:46:25.500000+00:00",
      b: "2011-09-14T01:46:25.000000+00:00",
      c: "1958-01-01T00:00:00.000000+00:00",
      d: "2000-01-01T11:59:59.816000+00:00",
      e: "2000-01-02T00:00:00.000000+00:00",
      f: 7.5,
      g: 1.5,
    });
    assert.equal(made.definition.packets[0]?.time, "a");
    assert.ok(reasonsOf(made).some((reason) => reason.startsWith("is left out as a time, its number is shown")));
  });

  it("turn alarm ranges into limits: inclusive bounds are within, exclusive ones beyond", () => {
    const alarmed = (ranges: string): string =>
      `<IntegerParameterType name="x"><UnitSet/><IntegerDataEncoding sizeInBits="8"/><DefaultAlarm><StaticAlarmRanges>${ranges}</StaticAlarmRanges></DefaultAlarm></IntegerParameterType>`;
    const ranges =
      '<WatchRange minInclusive="20" maxExclusive="30"/><WarningRange minExclusive="10" maxInclusive="40"/><CriticalRange minInclusive="0" maxInclusive="50"/>';
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    const made = oneOfEach({
      ...Object.fromEntries(names.map((name) => [name, alarmed(ranges)])),
      h: alarmed('<DistressRange maxInclusive="5"/><SevereRange maxInclusive="6"/>'),
    });
    assert.deepEqual(decodedBy(made, [20, 30, 29, 10, 11, 41, 51, 7])?.limits, {
      ...{ a: "ok", b: "watch_high", c: "ok", d: "warning_low", e: "watch_low", f: "warning_high", g: "critical_high" },
      h: "critical_high",
    });
    assert.ok(reasonsOf(made).some((reason) => reason.includes("DistressRange is not it")));
  });

  it("take minViolations as so many values in a row, and tell where they cannot", () => {
    const alarmed = (attributes: string): string =>
      `<IntegerParameterType name="x"><UnitSet/><IntegerDataEncoding sizeInBits="8"/><DefaultAlarm ${attributes}><StaticAlarmRanges><WatchRange maxInclusive="9"/></StaticAlarmRanges></DefaultAlarm></IntegerParameterType>`;
    const made = oneOfEach({
      a: alarmed(""),
      b: alarmed('minViolations="1"'),
      c: alarmed('minViolations="3" minConformance="3"'),
      d: alarmed('minViolations="2" minConformance="5"'),
      e: alarmed('minViolations="33"'),
      f: alarmed('minViolations="0"'),
    });
    const rules = made.definition.packets[0]?.fields.map(({ limits }) => limits?.alarm?.violations ?? null);
    assert.deepEqual(rules, [null, null, 3, 2, null, null]);
    const told = reasonsOf(made).filter((reason) => /min(Violations|Conformance)/.test(reason));
    assert.deepEqual(told.sort(), [
      "is left out in part: minConformance is taken to be as many as minViolations",
      "is left out in part: minViolations must be 1 to 32, else the first violation counts",
    ]);
  });

  it("split aggregates into their members, and read the namespace of 1.1 as well", () => {
    const member = (name: string, type: string): string => `<Member name="${name}" typeRef="${type}"/>`;
    const made = oneOfEach(
      {
        inner: `<AggregateParameterType name="x"><MemberList>${member("p", "u_T")}${member("q", "u_T")}</MemberList></AggregateParameterType>`,
        u: integer("x", 8),
        outer: `<AggregateParameterType name="x"><MemberList>${member("one", "inner_T")}${member("r", "u_T")}</MemberList></AggregateParameterType>`,
      },
      xtce11,
    );
    assert.deepEqual(decodedBy(made, [1, 2, 3, 4, 5, 6])?.values, {
      ...{ "inner.p": 1, "inner.q": 2, u: 3 },
      ...{ "outer.one.p": 4, "outer.one.q": 5, "outer.r": 6 },
    });
  });

  it("skip the bits of what they cannot read, and say so by line and path", () => {
    const made = oneOfEach({
      a: integer("x", 16, 'encoding="signMagnitude"'),
      b: float(32, 'encoding="MILSTD_1750A"'),
      c: integer("x", 8),
    });
    assert.deepEqual(decodedBy(made, [1, 2, 3, 4, 5, 6, 7])?.values, { c: 7 });
    const [first] = made.leftOut;
    assert.equal(first?.path.split("/").at(-2), "IntegerParameterType[a_T]");
    assert.ok((first?.line ?? 0) > 1);
    assert.equal(first?.reason, "is left out, the bits are skipped: it has the integer encoding signMagnitude");
  });
});
