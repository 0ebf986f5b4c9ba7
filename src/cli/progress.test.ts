/** The bar of long work. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startProgress } from "./progress.ts";

function drawn(isTTY: boolean, total: number | null): string {
  let text = "";
  const stream = {
    isTTY,
    write(part: string) {
      text += part;
    },
  };
  const bar = startProgress("Enqueueing", total, stream);
  if (total !== null) bar.at(total);
  bar.end();
  return text;
}

describe("startProgress", () => {
  it("draws on a terminal and takes itself away, and is silent elsewhere", () => {
    const text = drawn(true, 2000);
    assert.match(text, /Enqueueing ░+ 0 % \(0 of 2,000/);
    assert.match(text, /█{28} 100 % \(2,000 of 2,000, [\d,]+\/s\)/);
    assert.ok(text.endsWith("\r\x1b[K"));
    assert.match(drawn(true, null), /Enqueueing 0 0\/s/);
    assert.equal(drawn(false, 2000), "");
  });
});
