/** Numbers for people: grouped counts, sizes, rates, durations, and a share that never rounds up to all. */

const groups = /\B(?=(\d{3})+$)/g;

/** 1234567 → `1 234 567`, with narrow no-break spaces. */
export function count(value: number): string {
  return String(Math.round(value)).replace(groups, "\u202f");
}

/** Completeness: `99.98 %`; `100 %` and `0 %` only when that is so. */
export function share(value: number): string {
  if (value >= 1) return "100 %";
  if (value <= 0) return "0 %";
  return `${Math.min(99.99, Math.max(0.01, value * 100)).toFixed(2)} %`;
}

const units = ["B", "kB", "MB", "GB", "TB"];

export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** 95 → `1 min 35 s`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  const minutes = Math.floor((s % 3600) / 60);
  return minutes === 0 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 3600)} h ${minutes} min`;
}

/** A decoded value: integers as they are, others to six digits. */
export function reading(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}
