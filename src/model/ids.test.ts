import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { epochMsOf, instantOf } from "./clock.ts";
import { derivedUuid, newUuid, parseUuid } from "./ids.ts";

describe("ids", () => {
  it("are read in any case, with or without hyphens, and written one way", () => {
    const id = "018f3a52-0000-7000-8000-00000000000a";
    for (const text of [id, id.toUpperCase(), id.replaceAll("-", ""), id.replaceAll("-", "").toUpperCase()]) {
      assert.equal(parseUuid(text), id);
    }
  });

  it("are refused in braces, as a urn, too short, or with hyphens elsewhere", () => {
    const id = newUuid();
    for (const text of [
      `{${id}}`,
      `urn:uuid:${id}`,
      id.slice(1),
      `${id}0`,
      `${id.replaceAll("-", "").slice(0, 31)}-`,
      "",
      "g".repeat(32),
    ]) {
      assert.equal(parseUuid(text), null, text);
    }
  });

  it("are derived from names, the same each time, and apart when the parts differ", () => {
    assert.equal(derivedUuid("pass", "a"), derivedUuid("pass", "a"));
    assert.notEqual(derivedUuid("pass", "ab"), derivedUuid("pas", "sab"));
    assert.match(derivedUuid("pass", "a"), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("instants", () => {
  it("have microseconds, sort as text, and come back as they were", () => {
    const instant = instantOf(Date.UTC(2026, 0, 31, 10, 20, 30, 123) + 0.456);
    assert.match(instant, /^2026-01-31T10:20:30\.12345[56]\+00:00$/);
    assert(
      Math.abs(epochMsOf("2026-01-31T10:20:30.123456+00:00") - Date.UTC(2026, 0, 31, 10, 20, 30, 123) - 0.456) < 0.001,
    );
    assert(instantOf(1) < instantOf(1.5) && instantOf(1.5) < instantOf(2));
  });
});
