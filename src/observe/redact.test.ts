/** What people and tools may see of what actors hold: no payloads, no secrets, never too much. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { redactBounds, redacted } from "./redact.ts";

describe("what is redacted", () => {
  it("are clients' payloads, of which the size stays, at any depth", () => {
    const row = {
      name: "a",
      passthrough: '{"password":"x"}',
      extra: null,
      definition: { passback: "[1,2]", check: "{}" },
    };
    assert.deepEqual(redacted(row), {
      name: "a",
      passthrough: "(16 characters)",
      extra: null,
      definition: { passback: "(5 characters)", check: "(2 characters)" },
    });
    assert.deepEqual(redacted({ payload: { a: 1 }, output: "x" }), {
      payload: "(7 characters)",
      output: "(1 characters)",
    });
  });

  it("are texts under the names of secrets, but no number: a lease's token is one", () => {
    const secrets = {
      password: "a",
      Passwd: "b",
      clientSecret: "c",
      api_key: "d",
      apiKey: "e",
      "X-Api-Key": "f",
      Authorization: "g",
      cookie: "h",
      accessToken: "i",
      privateKey: "j",
    };
    for (const value of Object.values(redacted(secrets) as object)) assert.equal(value, "(hidden)");
    const plain = { token: 7, passId: "p", passed: "yes", compass: "n", key: "k" };
    assert.deepEqual(redacted(plain), plain);
  });

  it("are what a link holds beside its place", () => {
    const links = [
      "https://user:key@example.org/a?sig=1#f",
      "https://example.org/a",
      "not a link",
      "s3://b/c?X-Amz-Signature=z",
    ];
    assert.deepEqual(
      links.map((link) => (redacted({ link }) as { link: string }).link),
      ["https://example.org/a?…", "https://example.org/a", "not a link", "s3://b/c?…"],
    );
  });

  it("is what is too deep, too long or too much", () => {
    const long = redacted("x".repeat(1000));
    assert.equal(long, `${"x".repeat(redactBounds.textLength)}… (1000 characters)`);
    const many = redacted(Array.from({ length: 60 }, (_, n) => n)) as unknown[];
    assert.deepEqual([many.length, many.at(-1)], [51, "(10 more)"]);
    let deep: unknown = "end";
    for (let n = 0; n < 50; n++) deep = { in: deep };
    assert.match(JSON.stringify(redacted(deep)), /\(deeper\)/);
  });

  it("can be told as JSON, whatever it was", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, maxDepth: 8 }), (value) => {
        JSON.stringify(redacted(value));
      }),
    );
    assert.deepEqual(redacted({ f: () => 1, s: Symbol("x"), u: undefined, n: 1n }), {
      f: null,
      s: null,
      u: null,
      n: "1",
    });
  });
});
