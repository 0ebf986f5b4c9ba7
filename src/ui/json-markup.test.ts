/** JSON shown in colours stays the same JSON, and text. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonMarkup } from "./json-markup.ts";

const textOf = (markup: string) =>
  markup
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

describe("JSON in colours", () => {
  it("keeps every digit and every text, and escapes what is markup", () => {
    const json = `{"<b>":12345678901234567890.10,"a":["x\\"]: 1","<img src=x onerror=alert(1)>",true,null,-1e-7,{}]}`;
    const markup = jsonMarkup(json, "/api");
    assert.equal(textOf(markup).replaceAll(/\n */g, "").replaceAll(": ", ":"), json.replaceAll(": ", ":"));
    assert.ok(!markup.includes("<img") && !markup.includes("<b>"));
    assert.ok(markup.includes('<span class="json-number">12345678901234567890.10</span>'));
    assert.ok(markup.includes('<span class="json-key">&quot;&lt;b&gt;&quot;</span>:'));
    assert.ok(markup.includes('<span class="json-string">&quot;x\\&quot;]: 1&quot;</span>'));
    assert.equal(markup.match(/json-word/g)?.length, 2);
  });

  it("cuts what is long, and says where all of it is", () => {
    const markup = jsonMarkup(`"${"x".repeat(200_000)}"`, "/api/job/1");
    assert.ok(markup.length < 110_000);
    assert.ok(markup.includes('<a href="/api/job/1">all of it</a>'));
  });
});
