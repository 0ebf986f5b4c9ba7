/** Markup and words for people. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LedgerJson } from "../ground/ledger-json.ts";
import { epochMsOf } from "../model/clock.ts";
import { count, duration, share, size } from "./figures.ts";
import { escapeHtml, linkMarkup, relativeTime, timeMarkup } from "./markup.ts";
import { completenessSentence } from "./pass-words.ts";

const at = "2026-01-31T10:20:30.123456+00:00";
const atMs = epochMsOf(at);

describe("relativeTime", () => {
  it("speaks in one unit, back and ahead, and of the day after a week", () => {
    const agoS = [0, 2, 59, 60, 3599, 3600, 86_400, 7 * 86_400, -5, -7200];
    assert.deepEqual(
      agoS.map((s) => relativeTime(at, atMs + s * 1000)),
      [
        "just now",
        "just now",
        "59 s ago",
        "1 min ago",
        "59 min ago",
        "1 h ago",
        "1 d ago",
        "2026-01-31",
        "in 5 s",
        "in 2 h",
      ],
    );
  });
  it("keeps the exact instant beside it", () => {
    assert.equal(timeMarkup(at, atMs), `<time datetime="${at}" title="2026-01-31 10:20:30.123 UTC">just now</time>`);
  });
});

describe("linkMarkup", () => {
  it("makes anchors of http and https only", () => {
    assert.match(
      linkMarkup("https://example.com/?a=1&b=2"),
      /^<a href="https:\/\/example\.com\/\?a=1&amp;b=2" rel="noopener/,
    );
    assert.match(linkMarkup("HTTP://example.com"), /^<a /);
    for (const link of [
      "javascript:alert(1)",
      " https://example.com",
      "data:text/html,x",
      "//example.com",
      "ftp://x",
    ]) {
      assert.equal(linkMarkup(link), escapeHtml(link));
    }
    assert.equal(linkMarkup(null), "");
  });
});

describe("figures", () => {
  it("group digits, and never round a share up to all or down to nothing", () => {
    assert.equal(count(1_234_567), "1\u202f234\u202f567");
    assert.deepEqual(
      [share(1), share(0.999999), share(0.99978), share(0.0000001), share(0)],
      ["100 %", "99.99 %", "99.98 %", "0.01 %", "0 %"],
    );
    assert.deepEqual([size(999), size(40_799_600)], ["999 B", "40.8 MB"]);
    assert.deepEqual(
      [duration(59), duration(95), duration(3600), duration(9000)],
      ["59 s", "1 min 35 s", "1 h", "2 h 30 min"],
    );
  });
});

describe("completenessSentence", () => {
  const rejected = {
    too_short: 0,
    bad_version: 0,
    bad_length: 0,
    oversized: 0,
    unknown_ship: 0,
    bad_crc: 0,
    bad_json: 0,
    over_quota: 0,
  };
  const ledger: LedgerJson = {
    ...{
      received: 200_000,
      stored: 199_956,
      duplicates: 0,
      out_of_order: 0,
      rejected,
      missing: 44,
      conflicts: 0,
      idle: 0,
    },
    ...{
      datagrams: 200_000,
      kernel_drops: 3,
      queue_drops: 0,
      store_drops: 0,
      outage: 0,
      upstream: 41,
      unattributed: 0,
    },
    ...{ outage_ms: 0, completeness: 0.99978, bytes: 1, late: null, apids: [] },
  };
  it("says how much came, and where the rest went", () => {
    assert.equal(completenessSentence(ledger), "99.98 %: 3 lost in kernel, 41 upstream");
    const whole = { ...ledger, missing: 0, kernel_drops: 0, upstream: 0, completeness: 1 };
    assert.equal(completenessSentence(whole), "100 %: nothing lost");
    assert.equal(completenessSentence({ ...whole, kernel_drops: null }), "100 %: kernel drops unknown");
    assert.equal(completenessSentence({ ...whole, received: 0 }), "nothing received");
  });
});
