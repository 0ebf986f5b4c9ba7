/** What an XTCE file is refused for, by line and path; and that no file can make the import run away. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseXtce } from "../src/ground/xtce/xtce.ts";
import { InvalidRequestError } from "../src/model/errors.ts";
import { container, equal, integer, refTo, spaceSystem, xtce12 } from "./support/xtce.ts";

function faultOf(text: string): string {
  try {
    parseXtce(text);
  } catch (error) {
    assert.ok(error instanceof InvalidRequestError, String(error));
    return error.message;
  }
  return "accepted";
}

const root = (inside: string): string => `<SpaceSystem name="Sat" xmlns="${xtce12}">\n${inside}\n</SpaceSystem>`;

describe("an XTCE file is refused", () => {
  it("with entities that multiply", () => {
    const lol = [..."bcdefghi"].map((name, i) => `<!ENTITY ${name} "${`&${"abcdefgh"[i]};`.repeat(10)}">`).join("");
    const bomb = `<?xml version="1.0"?>\n<!DOCTYPE SpaceSystem [<!ENTITY a "lol">${lol}]>\n${root("<Header>&i;</Header>")}`;
    assert.match(faultOf(bomb), /line 2: it has a DOCTYPE/);
  });

  it("with external entities, declared or not", () => {
    const external = `<!DOCTYPE SpaceSystem [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n${root("&x;")}`;
    assert.match(faultOf(external), /line 1: it has a DOCTYPE/);
    assert.match(faultOf(`<!DOCTYPE SpaceSystem SYSTEM "http://127.0.0.1/x.dtd">${root("")}`), /DOCTYPE/);
    assert.match(faultOf(root("&x;")), /line 2: it is not XML: undefined entity/);
    const include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>';
    assert.match(faultOf(root(include)), /line 2: it includes another file/);
  });

  it("when it is huge, deep or has too many elements", () => {
    assert.match(faultOf(root(" ".repeat(8 * 1024 * 1024))), /has more than 8388608 characters/);
    assert.match(faultOf(root("<Header>".repeat(200))), /nests elements more than 100 deep/);
    assert.match(faultOf(root("<Note/>".repeat(500_001))), /has more than 500000 elements/);
  });

  it("when containers in containers multiply, hold themselves or extend themselves", () => {
    const twice = (name: string, of: string): string =>
      `<SequenceContainer name="${name}"><EntryList>${`<ContainerRefEntry containerRef="${of}"/>`.repeat(10)}</EntryList></SequenceContainer>`;
    const many = Array.from({ length: 10 }, (_, i) => twice(`C${i}`, `C${i + 1}`)).join("");
    const last = `<SequenceContainer name="C10"><EntryList>${refTo("APID")}</EntryList></SequenceContainer>`;
    const packet = container("P", '<ContainerRefEntry containerRef="C0"/>');
    assert.match(
      faultOf(spaceSystem({ containers: packet + many + last })),
      /beyond 2000000 parameters|ends behind the longest/,
    );
    assert.match(faultOf(spaceSystem({ containers: packet + twice("C0", "C0") })), /holds itself/);
    const loop = container("A", "", "B") + container("B", "", "A");
    assert.match(faultOf(spaceSystem({ containers: loop })), /extends itself/);
  });

  it("when it is no XML, no XTCE, or not UTF-8", () => {
    assert.match(faultOf(""), /is not XML|is empty/);
    assert.match(faultOf("{}"), /line 1: it is not XML/);
    assert.match(faultOf(`${root("")}<b`), /is not XML/);
    assert.match(faultOf(root("<a>\n</b>")), /line \d: it/);
    assert.match(faultOf("<SpaceSystem name='x'/>"), /has the element SpaceSystem of the namespace ""/);
    assert.match(faultOf(`<Header xmlns="${xtce12}"/>`), /Header is not a SpaceSystem/);
    assert.match(faultOf(`<SpaceSystem xmlns="${xtce12}"/>`), /line 1: SpaceSystem needs the attribute name/);
    assert.match(faultOf(root("\uFFFD")), /is not UTF-8/);
  });

  it("with the line and the path of what is wrong in it", () => {
    const types = integer("u8", 8);
    const made = (containers: string, more = types): string =>
      spaceSystem({ types: more, parameters: { a: "u8", lost: "nowhere" }, containers });
    const cases: [string, RegExp][] = [
      [
        made(container("P", refTo("b"))),
        /line 8: .*SequenceContainer\[P\]\/EntryList\/ParameterRefEntry refers to "b", which is not there/,
      ],
      [made(container("P", refTo("lost"))), /line 5: .*Parameter\[lost\] refers to "nowhere"/],
      [made(container("P", refTo("a"), "Nobody")), /BaseContainer refers to "Nobody"/],
      [made(container("P", refTo("a"), "Header", equal("APID", "x"))), /Comparison value is "x", not a number/],
      [
        made(container("P", refTo("a"), "Header", equal("APID", 4096))),
        /compares with 4096, which 11 bits cannot hold/,
      ],
      [made(container("P", refTo("a")), integer("u8", 0)), /IntegerDataEncoding sizeInBits is 0/],
      [
        made(container("P", refTo("a")), types + types),
        /IntegerParameterType\[u8\] has a name that its set has before/,
      ],
      [
        made(`${container("P.x", refTo("a"))}${container("P_x", refTo("a"))}`.replace("P.x", "P#x")),
        /would be named "P_x"/,
      ],
      [made(""), /has no container with an APID/],
      [
        made(container("P", '<StreamSegmentEntry streamRef="s"/>')),
        /has no container that can be used: line 8: .* is a StreamSegmentEntry/,
      ],
    ];
    for (const [text, fault] of cases) assert.match(faultOf(text), fault);
  });

  it("with limits that do not nest, by the parameter that has them", () => {
    const ranges =
      '<WarningRange minInclusive="0" maxInclusive="90"/><CriticalRange minInclusive="10" maxInclusive="80"/>';
    const type = `<IntegerParameterType name="u8"><IntegerDataEncoding sizeInBits="8"/><DefaultAlarm><StaticAlarmRanges>${ranges}</StaticAlarmRanges></DefaultAlarm></IntegerParameterType>`;
    assert.match(
      faultOf(spaceSystem({ types: type, parameters: { a: "u8" }, containers: container("P", refTo("a")) })),
      /line 5: .*Parameter\[a\] cannot become a packet definition: .*must lie within the graver range/,
    );
  });
});
