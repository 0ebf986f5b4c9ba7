import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instantOf } from "../model/clock.ts";
import type { PassRow } from "../model/pass.ts";
import { barsOf, passTimeline } from "./pass-timeline.ts";
import { passWindow, spans, ticksOf, windowQuery } from "./pass-window.ts";

const nowMs = Date.UTC(2026, 4, 2, 10, 30);
const minutes = (n: number): number => nowMs + n * 60_000;
let made = 0;
const pass = (fromMinute: number, toMinute: number, more: Partial<PassRow> = {}): PassRow =>
  ({
    passId: `00000000-0000-4000-8000-${String(++made).padStart(12, "0")}`,
    ...{
      ship: "demo",
      station: "kiruna",
      host: "127.0.0.1",
      port: 20_000 + made,
      state: "planned",
      reason: null,
      priority: 0,
    },
    ...{ aos: instantOf(minutes(fromMinute)), los: instantOf(minutes(toMinute)), prepassMarginMs: 0, drainMarginMs: 0 },
    ...more,
  }) as PassRow; // what a timeline looks at
const window = passWindow(new URLSearchParams(), nowMs);
const draw = (...passes: PassRow[]): string =>
  passTimeline({ window, passes, isCut: false, query: new URLSearchParams() }, nowMs);

describe("the time that a timeline shows", () => {
  it("is around now, a quarter of it past, unless another is asked for", () => {
    assert.deepEqual(
      [window.span, window.toMs - window.fromMs, nowMs - window.fromMs],
      ["1d", spans["1d"], spans["1d"] / 4],
    );
    const other = passWindow(new URLSearchParams("span=6h&from=2026-05-01T00:00:00Z"), nowMs);
    assert.deepEqual(
      [other.fromMs, other.toMs - other.fromMs, other.followsNow],
      [Date.UTC(2026, 4, 1), spans["6h"], false],
    );
  });

  it("leaves what it cannot understand out of account", () => {
    for (const query of [
      "span=2y",
      "span=constructor",
      "from=yesterday",
      "from=99999-01-01",
      "from=-1",
      "from=2026-13-45",
    ])
      assert.deepEqual(passWindow(new URLSearchParams(query), nowMs), window, query);
  });

  it("is moved by links that keep the other fields, but not the page of the list", () => {
    const query = windowQuery(new URLSearchParams("ship=demo&page=3&from=2026-05-01T00:00:00Z"), "1w", null);
    assert.equal(query, "ship=demo&span=1w");
    assert.equal(
      windowQuery(new URLSearchParams(), "1d", Date.UTC(2026, 0, 1)),
      "span=1d&from=2026-01-01T00%3A00%3A00Z",
    );
  });

  it("has round moments: hours, and the date at midnight", () => {
    assert.deepEqual(
      ticksOf(window).map(({ label }) => label),
      ["06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "05-03", "03:00"],
    );
  });
});

describe("passes on a timeline", () => {
  it("lie in one lane as long as they do not overlap", () => {
    const bars = barsOf([pass(0, 10), pass(5, 20), pass(10, 15), pass(30, 40)], window);
    assert.deepEqual(
      bars.map(({ lane }) => lane),
      [0, 1, 0, 0],
    );
    assert.equal(bars[0]?.labelToMs, minutes(10));
  });

  it("are cut off where the time shown ends", () => {
    const [bar] = barsOf([pass(-24 * 60, 48 * 60)], window);
    assert.deepEqual([bar?.fromMs, bar?.toMs], [window.fromMs, window.toMs]);
  });

  it("are marked where two that are to come overlap over a ship or a station, and only there", () => {
    const clash = draw(pass(0, 20), pass(10, 30));
    assert.equal([...clash.matchAll(/class="planned clash"/g)].length, 2);
    assert.match(clash, /2 passes overlap/);
    assert.doesNotMatch(draw(pass(0, 20), pass(10, 30, { state: "cancelled" })), /clash/);
    assert.doesNotMatch(draw(pass(0, 20), pass(20, 30)), /clash/);
  });

  it("have a row for each station by name, those without one last", () => {
    const html = draw(
      pass(0, 5, { station: null }),
      pass(1, 5, { station: "zulu", ship: "b" }),
      pass(2, 5, { station: "alpha", ship: "c" }),
    );
    assert.deepEqual(
      [...html.matchAll(/<th scope="row">(.*?)<\/th>/g)].map(([, name]) => name?.replaceAll(/<[^>]*>/g, "")),
      ["alpha", "zulu", "no station"],
    );
  });

  it("show hostile names as text", () => {
    const html = draw(
      pass(0, 60, { station: `"><img src=x onerror=alert(1)>/..`, ship: "<b>x", state: "missed", reason: "<script>" }),
    );
    assert.doesNotMatch(html, /<img|<script|<b>/);
    assert.match(html, /href="\/station\/%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert\(1\)%3E%2F\.\."/);
  });
});
