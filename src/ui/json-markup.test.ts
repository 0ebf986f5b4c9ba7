import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonMarkup } from "./json-markup.ts";

const plain = (markup: string): string =>
  markup
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">");

describe("JSON for people", () => {
  it("tells keys, texts, numbers and literals apart, and loses nothing", () => {
    const text = '{"key":"a:\\"b\\", {1}","big":18446744073709551615,"on":[true,null,-1.5e+3]}';
    const markup = jsonMarkup(text);
    assert.deepEqual(JSON.parse(plain(markup)), JSON.parse(text));
    assert.ok(markup.includes('<span class="json-key">&quot;key&quot;</span>: <span class="json-text">'));
    assert.ok(markup.includes('<span class="json-number">18446744073709551615</span>'));
    assert.ok(markup.includes('<span class="json-literal">null</span>'));
  });

  it("shows markup in keys and texts as text", () => {
    const markup = jsonMarkup('{"<b>":"</code><script>"}');
    assert.ok(!markup.includes("<b>") && !markup.includes("<script>"), markup);
  });

  it("leaves colours out of very long JSON", () => {
    assert.ok(!jsonMarkup(JSON.stringify({ text: "x".repeat(200_000) })).includes("json-"));
  });
});
