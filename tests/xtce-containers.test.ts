/** XTCE's containers become packets: entries at their places, inheritance, and which container a packet is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseXtce } from "../src/ground/xtce/xtce.ts";
import { container, decodedBy, equal, integer, reasonsOf, refTo, spaceSystem } from "./support/xtce.ts";

const u8 = { types: integer("u8", 8), parameters: { a: "u8", b: "u8", c: "u8", d: "u8", kind: "u8" } };
const located = (name: string, from: string, bits: number): string =>
  refTo(
    name,
    `<LocationInContainerInBits referenceLocation="${from}"><FixedValue>${bits}</FixedValue></LocationInContainerInBits>`,
  );
const ifEqual = (parameter: string, value: number): string =>
  `<IncludeCondition>${equal(parameter, value)}</IncludeCondition>`;

describe("XTCE containers", () => {
  it("place entries one after the other, with gaps, back, and from their container's start", () => {
    const inner = `<SequenceContainer name="Inner"><EntryList>${refTo("c")}${located("d", "containerStart", 24)}</EntryList></SequenceContainer>`;
    const entries = [
      located("a", "previousEntry", 8),
      located("b", "previousEntry", -16),
      // The packet's own start, header included.
      located("kind", "containerStart", 48 + 24),
      '<ContainerRefEntry containerRef="Inner"/>',
    ];
    const made = parseXtce(spaceSystem({ ...u8, containers: container("P", entries.join("")) + inner }));
    assert.deepEqual(decodedBy(made, [10, 11, 12, 13, 14, 15, 16, 17])?.values, {
      a: 11,
      b: 10,
      kind: 13,
      c: 14,
      d: 17,
    });
  });

  it("inherit three deep; a packet is the most special container that it fits", () => {
    const containers = [
      container("Base", refTo("kind")),
      container("Left", refTo("a"), "Base", equal("kind", 1)),
      container("LeftSmall", refTo("b"), "Left", equal("a", 5, 'comparisonOperator="&lt;"')),
      container(
        "LeftZero",
        refTo("c") + refTo("d"),
        "LeftSmall",
        equal("b", 0) + equal("a", 0, 'comparisonOperator="!="'),
      ),
      container("Right", refTo("d"), "Base", equal("kind", 2)),
      container("Other", refTo("d"), "Header", equal("APID", 8)),
    ];
    const made = parseXtce(spaceSystem({ ...u8, containers: containers.join("") }));
    const chosen = (...data: number[]) => [decodedBy(made, data)?.packet, decodedBy(made, data)?.values];
    assert.deepEqual(chosen(9, 8, 7, 6, 5), ["Base", { kind: 9 }]);
    assert.deepEqual(chosen(1, 8, 7, 6, 5), ["Left", { kind: 1, a: 8 }]);
    assert.deepEqual(chosen(1, 4, 7, 6, 5), ["LeftSmall", { kind: 1, a: 4, b: 7 }]);
    assert.deepEqual(chosen(1, 4, 0, 6, 5), ["LeftZero", { kind: 1, a: 4, b: 0, c: 6, d: 5 }]);
    assert.deepEqual(chosen(1, 0, 0, 6, 5), ["LeftSmall", { kind: 1, a: 0, b: 0 }]);
    assert.deepEqual(chosen(2, 8, 7, 6, 5), ["Right", { kind: 2, d: 8 }]);
    assert.deepEqual(decodedBy(made, [3], 8), { packet: "Other", values: { d: 3 }, limits: { d: null } });
    assert.equal(decodedBy(made, [3], 9), null);
  });

  it("are chosen by labels, by bits of the header, and by signed numbers", () => {
    const flags = `<BooleanParameterType name="flag" zeroStringValue="No" oneStringValue="Yes"><IntegerDataEncoding sizeInBits="1"/></BooleanParameterType>`;
    const containers = [
      container("Flagged", refTo("d"), "Header", equal("APID", 7) + equal("SecHdr", 1)),
      container("Base", refTo("f") + refTo("s"), "Header", equal("APID", 7) + equal("SecHdr", 0)),
      container("Yes", refTo("a"), "Base", equal("f", "Yes")),
      container("Minus", refTo("b"), "Base", equal("s", -2) + equal("f", 0, 'useCalibratedValue="false"')),
    ];
    const made = parseXtce(
      spaceSystem({
        types: u8.types + flags + integer("seven", 7, 'encoding="twosComplement"'),
        parameters: { ...u8.parameters, f: "flag", s: "seven" },
        containers: containers.join(""),
      }),
    );
    assert.deepEqual(decodedBy(made, [0b1_0000001, 9])?.values, { f: "Yes", s: 1, a: 9 });
    assert.deepEqual(decodedBy(made, [0b0_1111110, 9])?.values, { f: "No", s: -2, b: 9 });
    assert.deepEqual(decodedBy(made, [0b0_0000001, 9])?.packet, "Base");
    assert.deepEqual(made.definition.packets.map(({ name }) => name).sort(), ["Base", "Flagged", "Minus", "Yes"]);
  });

  it("read a BooleanExpression of ANDed conditions, and an APID within a wider identification", () => {
    const condition = (parameter: string, operator: string, value: number): string =>
      `<Condition><ParameterInstanceRef parameterRef="${parameter}" useCalibratedValue="false"/><ComparisonOperator>${operator}</ComparisonOperator><Value>${value}</Value></Condition>`;
    const wide = `<SequenceContainer name="Wide" abstract="true"><EntryList>${refTo("id")}${refTo("rest")}${refTo("kind")}</EntryList></SequenceContainer>`;
    const packet = `<SequenceContainer name="P"><EntryList>${refTo("a")}</EntryList><BaseContainer containerRef="Wide"><RestrictionCriteria><BooleanExpression><ANDedConditions>${condition("id", "==", 0x0807)}${condition("kind", "&gt;=", 0x10)}${condition("kind", "&lt;=", 0x1f)}</ANDedConditions></BooleanExpression></RestrictionCriteria></BaseContainer></SequenceContainer>`;
    const made = parseXtce(
      spaceSystem({
        types: u8.types + integer("u16", 16) + integer("u32", 32),
        parameters: { ...u8.parameters, id: "u16", rest: "u32" },
        containers: wide + packet,
      }),
    );
    assert.equal(made.definition.packets[0]?.apid, 7);
    assert.equal(decodedBy(made, [0x15, 1]), null); // no secondary header flag: 0x0007
    const conditions = made.definition.packets[0]?.when;
    assert.deepEqual(conditions, [
      { bit_offset: -48, bits: 16, equals: 0x0807 },
      { bit_offset: 0, bits: 8, min: 0x10 },
      { bit_offset: 0, bits: 8, max: 0x1f },
    ]);
  });

  it("leave out entries whose IncludeCondition is not met: what follows moves up", () => {
    const entries = [
      refTo("kind"),
      refTo("a", ifEqual("kind", 1)),
      refTo("b", ifEqual("kind", 1)),
      refTo("c", ifEqual("kind", 2)),
      refTo("d"),
    ];
    const made = parseXtce(spaceSystem({ ...u8, containers: container("P", entries.join("")) }));
    assert.equal(made.definition.packets.length, 3);
    assert.deepEqual(decodedBy(made, [1, 2, 3, 4, 5])?.values, { kind: 1, a: 2, b: 3, d: 4 });
    assert.deepEqual(decodedBy(made, [2, 2, 3, 4, 5])?.values, { kind: 2, c: 2, d: 3 });
    assert.deepEqual(decodedBy(made, [3, 2, 3, 4, 5])?.values, { kind: 3, d: 2 });
  });

  it("find parameters, types and containers by name outwards, by path, and from the root", () => {
    const inner = `<SpaceSystem name="Eps"><TelemetryMetaData>
      <ParameterSet><Parameter name="volts" parameterTypeRef="u8"/><Parameter name="a" parameterTypeRef="/Sat/u8"/></ParameterSet>
      <ContainerSet>${container("Eps", refTo("volts") + refTo("a") + refTo("../a") + refTo("/Sat/b"), "/Sat/Header", equal("../APID", 7))}</ContainerSet>
      </TelemetryMetaData></SpaceSystem>`;
    const made = parseXtce(
      spaceSystem({
        ...u8,
        containers: container("P", refTo("Eps/volts") + refTo("./Eps/a"), "Header", equal("APID", 8)),
        behind: inner,
      }),
    );
    assert.deepEqual(decodedBy(made, [1, 2, 3, 4])?.values, { volts: 1, "Eps.a": 2, a: 3, b: 4 });
    assert.deepEqual(decodedBy(made, [1, 2], 8)?.values, { volts: 1, "Eps.a": 2 });
  });

  it("end where an entry is not understood, and tell of two that fit at once and of those without an APID", () => {
    const made = parseXtce(
      spaceSystem({
        ...u8,
        containers: [
          container("P", `${refTo("a")}<ArrayParameterRefEntry parameterRef="b"/>${refTo("c")}`),
          container("Inner", refTo("d"), "P", equal("a", 9)),
          container("Q", refTo("d")),
          container("R", refTo("d"), "Header", equal("APID", 9, 'comparisonOperator="!="')),
          container("S", refTo("d"), "Header", `<NextContainer/>`),
        ].join("\n"),
      }),
    );
    assert.deepEqual(decodedBy(made, [1, 2, 3]), { packet: "P", values: { a: 1 }, limits: { a: null } });
    assert.deepEqual(decodedBy(made, [9, 2, 3]), { packet: "Inner", values: { a: 9 }, limits: { a: null } });
    const reasons = reasonsOf(made);
    assert.ok(reasons.includes("is left out in part: its entries follow what is left out of its base"));
    assert.ok(reasons.includes("is a ArrayParameterRefEntry: it is left out, with all that follows in its container"));
    assert.ok(reasons.some((reason) => /^is left out where Inner \(line \d+\) fits, too/.test(reason)));
    assert.ok(reasons.includes("is left out whole: nothing restricts it to an APID"));
    assert.ok(
      reasons.some((reason) =>
        /^is left out whole: .*NextContainer \(line \d+\) chooses by NextContainer/.test(reason),
      ),
    );
  });
});
