/** Lengths of time as people write them: `90`, `"30s"`, `"1h30m"`, `"2 days"`; in seconds. */

const unitS = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;
const words: Readonly<Record<string, keyof typeof unitS>> = {
  ms: "ms",
  s: "s",
  sec: "s",
  secs: "s",
  second: "s",
  seconds: "s",
  m: "m",
  min: "m",
  mins: "m",
  minute: "m",
  minutes: "m",
  h: "h",
  hour: "h",
  hours: "h",
  d: "d",
  day: "d",
  days: "d",
  w: "w",
  week: "w",
  weeks: "w",
};

export const durationRule = 'a number of seconds, or a text such as "30s", "10m", "1h30m", "2d", is needed';

/** Null: it is none. A bare number is in seconds. Never negative, at most ten years. */
export function secondsOf(given: unknown): number | null {
  const seconds = typeof given === "number" ? given : typeof given === "string" ? secondsOfText(given.trim()) : null;
  return seconds !== null && Number.isFinite(seconds) && seconds >= 0 && seconds <= 315_360_000 ? seconds : null;
}

function secondsOfText(text: string): number | null {
  if (text === "" || text.length > 64) return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  let rest = text.toLowerCase();
  let sum = 0;
  while (rest !== "") {
    const part = /^(\d+(?:\.\d+)?)\s*([a-z]+)\s*/.exec(rest);
    const unit = words[part?.[2] ?? ""];
    if (part === null || unit === undefined) return null;
    sum += Number(part[1]) * unitS[unit];
    rest = rest.slice(part[0].length);
  }
  // Thousandths add up to 0.30000000000000004.
  return Math.round(sum * 1000) / 1000;
}
