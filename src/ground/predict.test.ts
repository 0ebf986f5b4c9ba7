/**
 * Where the expected values come from:
 * - positions: tcppver.out, the verification run of Vallado, Crawford, Hujsak, Kelso: "Revisiting Spacetrack Report #3" (AIAA 2006-6753);
 * - Bluffton: the table in Skyfield's documentation, "Finding when a satellite rises and sets", and the same to the millisecond;
 * - Weilheim, Moscow: computed with Skyfield 1.55 (Python, Vallado's SGP4 in C++, its own sidereal time and WGS 84).
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { sgp4, twoline2satrec } from "satellite.js";
import { maskAt } from "./elevation-mask.ts";
import { type PredictAsk, type PredictedPass, predictPasses } from "./predict.ts";
import { OrbitError, skyOf } from "./sky.ts";
import { parseTle } from "./tle.ts";

const iss = parseTle(`1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082
2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473`);
const vanguard = parseTle(`1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753
2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667`);
const molniya = parseTle(`1 08195U 75081A   06176.33215444  .00000099  00000-0  11873-3 0   813
2 08195  64.1586 279.0717 6877146 264.7651  20.2257  2.00491383225656`);

const bluffton = { latitude: 40.8939, longitude: -83.8917, heightM: 0 };
const weilheim = { latitude: 47.88, longitude: 11.0853, heightM: 600 };
const moscow = { latitude: 55.75, longitude: 37.62, heightM: 150 };

type Changes = Partial<Omit<PredictAsk, "fromMs" | "toMs">>;
const predict = (sky: PredictAsk["sky"], from: string, to: string, changes: Changes = {}) =>
  predictPasses({
    ...{ sky, mask: 0, elevationMin: 0, countMax: 1000, fromMs: Date.parse(from), toMs: Date.parse(to) },
    ...changes,
  });

const near = (actual: number, expected: number, within: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= within, `${what}: ${actual}, expected ${expected}`);

/** [AOS, azimuth, highest at, elevation, azimuth, LOS, azimuth] */
type Row = readonly [string, number, string, number, number, string, number];
function assertTable(passes: readonly PredictedPass[], rows: readonly Row[]): void {
  assert.equal(passes.length, rows.length);
  for (const [i, [aos, aosAz, highest, elevation, azimuth, los, losAz]] of rows.entries()) {
    const { aos: rise, max, los: set } = passes[i] ?? assert.fail();
    near(rise.atMs, Date.parse(aos), 100, `AOS ${i}`);
    near(set.atMs, Date.parse(los), 100, `LOS ${i}`);
    near(max.atMs, Date.parse(highest), 1000, `highest point ${i}`);
    near(max.elevation, elevation, 0.01, `elevation ${i}`);
    for (const [one, expected] of [
      [rise.azimuth, aosAz],
      [set.azimuth, losAz],
    ] as const)
      near(one, expected, 0.01, `azimuth ${i}`);
    // Near the zenith a moment more or less turns it by degrees.
    near(max.azimuth, azimuth, elevation > 80 ? 1.5 : 0.2, `azimuth of the highest point ${i}`);
  }
}

describe("SGP4 as the library has it", () => {
  it("gives the positions of Vallado's verification run, near the Earth and in deep space", () => {
    const vectors: readonly (readonly [typeof iss, number, readonly [number, number, number]])[] = [
      [vanguard, 0, [7022.46529266, -1400.08296755, 0.03995155]],
      [vanguard, 360, [-7154.03120202, -3783.17682504, -3536.19412294]],
      [vanguard, 720, [-7134.59340119, 6531.68641334, 3260.27186483]],
      [molniya, 0, [2349.8948335, -14785.93811562, 0.02119378]],
      [molniya, 360, [19089.29762968, 3107.89495018, 39958.1466137]],
      [molniya, 2880, [3417.20931586, -16038.79510665, 1894.74934058]],
    ];
    for (const [{ line1, line2, catalogNumber }, minutes, expected] of vectors) {
      const { position } = sgp4(twoline2satrec(line1, line2), minutes) ?? assert.fail();
      for (const [i, actual] of [position.x, position.y, position.z].entries())
        near(actual, expected[i] ?? 0, 1e-5, `${catalogNumber} after ${minutes} min, in km`);
    }
  });
});

describe("predicted passes", () => {
  it("are those of Skyfield's documentation, above 30°", async () => {
    const passes = await predict(skyOf(iss, bluffton), "2014-01-23T00:00:00Z", "2014-01-24T00:00:00Z", {
      elevationMin: 30,
    });
    const toSecond = (ms: number) => new Date(Math.round(ms / 1000) * 1000).toISOString().slice(11, 19);
    assert.deepEqual(
      passes.map(({ aos, los }) => [toSecond(aos.atMs), toSecond(los.atMs)]),
      [
        ["06:25:37", "06:28:19"],
        ["12:54:56", "12:57:58"],
      ],
    );
    assertTable(passes, [
      [
        "2014-01-23T06:25:36.531Z",
        203.23,
        "2014-01-23T06:26:57.770Z",
        54.357,
        139.473,
        "2014-01-23T06:28:19.088Z",
        75.951,
      ],
      [
        "2014-01-23T12:54:55.714Z",
        308.703,
        "2014-01-23T12:56:26.813Z",
        85.746,
        36.372,
        "2014-01-23T12:57:57.693Z",
        123.887,
      ],
    ]);
  });

  it("are those that Skyfield computes, low ones too", async () => {
    const passes = await predict(skyOf(iss, weilheim), "2014-01-21T00:00:00Z", "2014-01-22T00:00:00Z", { mask: 5 });
    assertTable(passes, [
      [
        "2014-01-21T00:14:32.486Z",
        167.287,
        "2014-01-21T00:16:58.361Z",
        9.208,
        131.798,
        "2014-01-21T00:19:24.496Z",
        96.432,
      ],
      [
        "2014-01-21T01:48:55.002Z",
        228.295,
        "2014-01-21T01:53:04.457Z",
        50.82,
        148.914,
        "2014-01-21T01:57:15.173Z",
        69.849,
      ],
      [
        "2014-01-21T03:25:41.377Z",
        267.939,
        "2014-01-21T03:29:52.574Z",
        49.434,
        348.277,
        "2014-01-21T03:34:04.459Z",
        68.511,
      ],
      [
        "2014-01-21T05:02:49.782Z",
        289.795,
        "2014-01-21T05:07:00.133Z",
        45.027,
        8.388,
        "2014-01-21T05:11:10.412Z",
        86.972,
      ],
      [
        "2014-01-21T06:39:39.522Z",
        291.728,
        "2014-01-21T06:43:53.686Z",
        66.957,
        207.885,
        "2014-01-21T06:48:07.042Z",
        123.855,
      ],
      [
        "2014-01-21T08:17:04.151Z",
        271.769,
        "2014-01-21T08:20:07.935Z",
        12.911,
        225.365,
        "2014-01-21T08:23:11.235Z",
        178.854,
      ],
    ]);
  });

  it("are those that Skyfield computes in deep space, where a pass lasts for hours", async () => {
    const passes = await predict(skyOf(molniya, moscow), "2006-06-26T08:00:00Z", "2006-06-27T08:00:00Z", { mask: 10 });
    assertTable(passes, [
      [
        "2006-06-26T10:23:28.983Z",
        341.696,
        "2006-06-26T13:59:12.495Z",
        24.364,
        345.842,
        "2006-06-26T16:52:32.590Z",
        336.784,
      ],
      [
        "2006-06-26T19:57:07.845Z",
        144.481,
        "2006-06-26T23:50:57.818Z",
        73.497,
        61.955,
        "2006-06-27T06:29:03.051Z",
        125.577,
      ],
    ]);
  });

  it("begin and end at the ends of the time asked for where they are under way", async () => {
    const sky = skyOf(iss, weilheim);
    const [pass, ...others] = await predict(sky, "2014-01-21T01:51:00Z", "2014-01-21T01:55:00Z", { mask: 5 });
    assert.deepEqual(
      [pass?.aos.atMs, pass?.los.atMs, others.length],
      [Date.parse("2014-01-21T01:51:00Z"), Date.parse("2014-01-21T01:55:00Z"), 0],
    );
    near(pass?.max.elevation ?? 0, 50.82, 0.01, "elevation");
  });

  it("are found however briefly they peep over the mask, wherever the time asked for begins", async () => {
    const sky = skyOf(iss, weilheim);
    for (const offsetMs of [0, 3_000, 7_000, 11_000, 17_000]) {
      // Its highest point is 9.208°: above 9.206° it is seen for some seconds.
      const from = Date.parse("2014-01-21T00:00:00Z") + offsetMs;
      const passes = await predictPasses({
        ...{ sky, mask: 9.206, elevationMin: 0, countMax: 10, fromMs: from, toMs: Date.parse("2014-01-21T01:00:00Z") },
      });
      assert.equal(passes.length, 1, `${offsetMs}`);
      const [{ aos, los }] = passes as [PredictedPass];
      assert.ok(los.atMs - aos.atMs > 1_000 && los.atMs - aos.atMs < 20_000, `${los.atMs - aos.atMs} ms`);
    }
  });

  it("are cut by the mask's table, and parted by a mountain in their middle", async () => {
    const sky = skyOf(iss, weilheim);
    const ask = ["2014-01-21T01:40:00Z", "2014-01-21T02:10:00Z"] as const;
    // It comes up in the south-west, 228°, and goes down in the east, 70°, through the south-east.
    const west: Changes["mask"] = [
      [0, 5],
      [200, 5],
      [201, 20],
      [300, 20],
      [301, 5],
    ];
    const [cut] = await predict(sky, ...ask, { mask: west });
    near(cut?.aos.elevation ?? 0, 20, 0.05, "elevation at AOS");
    near(cut?.los.elevation ?? 0, 5, 0.05, "elevation at LOS");
    const peak: Changes["mask"] = [
      [0, 5],
      [120, 5],
      [121, 80],
      [180, 80],
      [181, 5],
    ];
    const parted = await predict(sky, ...ask, { mask: peak });
    assert.equal(parted.length, 2);
    near(parted[0]?.los.azimuth ?? 0, 180.5, 1, "azimuth where the first ends");
    near(parted[1]?.aos.azimuth ?? 0, 120.5, 1, "azimuth where the second begins");
  });

  it("have all that is asked for: bounded, ordered, above the mask and nowhere else", async () => {
    const sky = skyOf(iss, weilheim);
    const [from, to] = [Date.parse("2014-01-21T00:00:00Z"), Date.parse("2014-01-22T00:00:00Z")];
    assert.equal((await predict(sky, "2014-01-21T00:00:00Z", "2014-01-22T00:00:00Z", { countMax: 3 })).length, 3);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.integer({ min: from, max: to }), async (mask, atMs) => {
        const passes = await predictPasses({ sky, mask, elevationMin: 0, countMax: 100, fromMs: from, toMs: to });
        const inside = passes.some(({ aos, los }) => aos.atMs <= atMs && atMs <= los.atMs);
        if (Math.abs(sky(atMs).elevation - mask) > 0.01) assert.equal(inside, sky(atMs).elevation > mask);
      }),
      { numRuns: 40 },
    );
  });

  it("are none when the elements say nothing of that time", async () => {
    const heavy = parseTle(`1 88888U          80275.98708465  .00073094  13844-3  66816-1 0    84
2 88888  72.8435 115.9689 0086731  52.6988 110.5714 16.05824518  1058`);
    await assert.rejects(
      predict(skyOf(heavy, weilheim), "1980-12-01T00:00:00Z", "1980-12-02T00:00:00Z"),
      (error) => error instanceof OrbitError && /1980-12-01.*: /.test(error.message),
    );
  });
});

describe("an elevation mask", () => {
  it("is straight between its azimuths and closes through north", () => {
    const mask = [
      [10, 5],
      [100, 15],
      [350, 25],
    ] as const;
    assert.deepEqual(
      [0, 10, 55, 100, 225, 350, 355].map((azimuth) => maskAt(mask, azimuth)),
      [15, 5, 10, 15, 20, 25, 20],
    );
    assert.deepEqual([maskAt(7, 200), maskAt([[90, 4]], 300)], [7, 4]);
  });
});
