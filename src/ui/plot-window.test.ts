import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instantOf } from "../model/clock.ts";
import { plotAsk, plotQuery } from "./plot-window.ts";

const nowMs = Date.UTC(2026, 4, 2, 10, 30);
const known = ["volts", "amps", "mode", ...Array.from({ length: 20 }, (_, i) => `t${i}`)];
const ask = (query: string, newestMs: number | null = nowMs) =>
  plotAsk(new URLSearchParams(query), known, newestMs === null ? null : instantOf(newestMs), nowMs);

describe("what plots show", () => {
  it("is the last hour of the first two parameters, up to now", () => {
    const { names, window } = ask("");
    assert.deepEqual(names, ["volts", "amps"]);
    assert.deepEqual([window.startMs, window.endMs, window.followsNow], [nowMs - 3_600_000, nowMs, true]);
  });

  it("ends with what came last when the ship is silent for longer than that", () => {
    const { window } = ask("span=10m", nowMs - 86_400_000);
    assert.deepEqual([window.endMs, window.followsNow], [nowMs - 86_400_000 + 60_000, false]);
    assert.equal(ask("span=1w", nowMs - 86_400_000).window.followsNow, true);
  });

  it("is what is asked for, as far as there is such a thing", () => {
    const { names, window } = ask("plot=mode&plot=nothing&plot=mode&plot=volts&span=1d&end=2026-05-01T00:00:00Z");
    assert.deepEqual(names, ["mode", "volts"]);
    assert.deepEqual([window.endMs, window.span, window.followsNow], [Date.UTC(2026, 4, 1), "1d", false]);
    assert.equal(ask(known.map((name) => `plot=${name}`).join("&")).names.length, 8);
    for (const wrong of ["span=toString", "span=2h", "end=never", "end=0001-01-01", "end=9999-99-99"])
      assert.deepEqual(ask(wrong), ask(""), wrong);
  });

  it("keeps names and end in the links to other spans", () => {
    assert.equal(plotQuery(ask("plot=mode"), "1w"), "plot=mode&span=1w");
    assert.equal(
      plotQuery(ask("end=2026-05-01T00:00:00Z"), "1d"),
      "plot=volts&plot=amps&span=1d&end=2026-05-01T00%3A00%3A00Z",
    );
  });
});
