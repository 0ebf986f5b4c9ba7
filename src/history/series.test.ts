import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Series } from "./series.ts";

function seriesOf(samples: readonly (readonly [atMs: number, value: number])[], rowsMax: number): Series {
  const series = new Series(1, rowsMax);
  for (const [atMs, value] of samples) series.add(series.row(atMs), 0, value);
  return series;
}

const rowsOf = (series: Series) =>
  series.rowsInTime().map((row) => {
    const { n, min, max, sum } = series.samplesOf(row, 0);
    return [series.timeOf(row), n, min, max, sum];
  });

describe("a series", () => {
  it("keeps each sample at its own time while there is room", () => {
    const series = seriesOf(
      [
        [1000.25, 1],
        [3000, 2],
        [2000, -3],
      ],
      4,
    );
    assert.deepEqual(rowsOf(series), [
      [1000.25, 1, 1, 1, 1],
      [2000, 1, -3, -3, -3],
      [3000, 1, 2, 2, 2],
    ]);
    assert.equal(series.widthMs, 1);
  });

  it("folds neighbours once there is none, and leaves what lies far apart alone", () => {
    const series = seriesOf(
      [
        [0, 1],
        [1, 5],
        [2, 3],
        [3, 4],
        [1_000_000, 9],
      ],
      4,
    );
    assert.deepEqual(rowsOf(series), [
      [0, 2, 1, 5, 6],
      [2, 2, 3, 4, 7],
      [1_000_000, 1, 9, 9, 9],
    ]);
  });

  it("takes no mark of what is no number", () => {
    const series = seriesOf(
      [
        [0, Number.NaN],
        [5, Number.POSITIVE_INFINITY],
      ],
      4,
    );
    assert.deepEqual(
      rowsOf(series).map(([, n]) => n),
      [0, 0],
    );
  });

  it("loses no sample, no extreme and no sum, whatever comes in whatever order, and never has too many rows", () => {
    const sample = fc.tuple(fc.integer({ min: -1e9, max: 2e12 }), fc.integer({ min: -1000, max: 1000 }));
    fc.assert(
      fc.property(
        fc.array(sample, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 20 }),
        (samples, rowsMax) => {
          for (const series of [seriesOf(samples, rowsMax), seriesOf(samples, 400).coarser(rowsMax)]) {
            assert.ok(series.count <= rowsMax);
            const rows = rowsOf(series);
            const sum = (index: number) => rows.reduce((total, row) => total + (row[index] ?? 0), 0);
            assert.equal(sum(1), samples.length);
            assert.equal(
              sum(4),
              samples.reduce((total, [, value]) => total + value, 0),
            );
            for (const [atMs = 0, , min, max] of rows) {
              const bucket = Math.floor(atMs / series.widthMs);
              const inside = samples.filter(([at]) => Math.floor(at / series.widthMs) === bucket);
              assert.equal(atMs, Math.min(...inside.map(([at]) => at)));
              assert.equal(min, Math.min(...inside.map(([, value]) => value)));
              assert.equal(max, Math.max(...inside.map(([, value]) => value)));
            }
          }
        },
      ),
    );
  });
});
