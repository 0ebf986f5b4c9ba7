/** Epochs of CCSDS time codes (301.0-B), and leap seconds: TAI and GPS count them, UTC and Unix do not. Times are ms since 1970. */

const utcOf = (year: number, month: number): number => Date.UTC(year, month - 1, 1);

/** From `utcMs` on TAI is `aheadS` ahead of UTC (IERS Bulletin C), newest first: most times are after the last. */
const leaps: readonly (readonly [utcMs: number, aheadS: number])[] = [
  [utcOf(2017, 1), 37],
  [utcOf(2015, 7), 36],
  [utcOf(2012, 7), 35],
  [utcOf(2009, 1), 34],
  [utcOf(2006, 1), 33],
  [utcOf(1999, 1), 32],
  [utcOf(1997, 7), 31],
  [utcOf(1996, 1), 30],
  [utcOf(1994, 7), 29],
  [utcOf(1993, 7), 28],
  [utcOf(1992, 7), 27],
  [utcOf(1991, 1), 26],
  [utcOf(1990, 1), 25],
  [utcOf(1988, 1), 24],
  [utcOf(1985, 7), 23],
  [utcOf(1983, 7), 22],
  [utcOf(1982, 7), 21],
  [utcOf(1981, 7), 20],
  [utcOf(1980, 1), 19],
  [utcOf(1979, 1), 18],
  [utcOf(1978, 1), 17],
  [utcOf(1977, 1), 16],
  [utcOf(1976, 1), 15],
  [utcOf(1975, 1), 14],
  [utcOf(1974, 1), 13],
  [utcOf(1973, 1), 12],
  [utcOf(1972, 7), 11],
  [utcOf(1972, 1), 10],
];

/** Flat, for the decoder: where each begins on TAI's scale, and what it takes off. */
const taiStarts = Float64Array.from(leaps, ([utcMs, aheadS]) => utcMs + aheadS * 1000);
const aheadMs = Float64Array.from(leaps, ([, aheadS]) => aheadS * 1000);

/** Before 1972 UTC was steered in fractions: there, as at the epoch of 1958, both are taken to agree. A leap second shows as the second after it. */
export function utcOfTai(taiMs: number): number {
  for (let i = 0; i < taiStarts.length; i++) if (taiMs >= (taiStarts[i] ?? 0)) return taiMs - (aheadMs[i] ?? 0);
  return taiMs;
}

function taiOfUtc(utcMs: number): number {
  const [, aheadS] = leaps.find(([from]) => utcMs >= from) ?? [0, 0];
  return utcMs + aheadS * 1000;
}

/** tai: 1958-01-01, CCSDS' own; gps: 1980-01-06; unix: 1970-01-01, without leap seconds. */
const namedEpochs: ReadonlyMap<string, number> = new Map([
  ["tai", Date.UTC(1958, 0, 1)],
  ["gps", Date.UTC(1980, 0, 6)],
  ["unix", 0],
]);

/** A name, or an agency's own epoch: an instant of UTC, such as `2000-01-01T12:00:00Z`. */
export function isEpoch(text: string): boolean {
  return (
    namedEpochs.has(text) ||
    (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(text) && Number.isFinite(Date.parse(text)))
  );
}

/** `cds` counts days and milliseconds of UTC. */
export function cdsEpochMs(epoch: string): number {
  return namedEpochs.get(epoch) ?? Date.parse(epoch);
}

/** `cuc` counts seconds. When leap seconds are among them, the epoch is on TAI's scale and the sum goes through `utcOfTai`. */
export function cucEpoch(epoch: string): { readonly ms: number; readonly countsLeaps: boolean } {
  if (epoch === "unix") return { ms: 0, countsLeaps: false };
  return { ms: taiOfUtc(cdsEpochMs(epoch)), countsLeaps: true };
}
