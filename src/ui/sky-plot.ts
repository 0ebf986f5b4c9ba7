/** A station's sky as seen from below: north up, east to the right as on a map, the zenith in the middle, the horizon at the rim. */
import { maskAt } from "../ground/elevation-mask.ts";
import type { LookAngles } from "../ground/sky.ts";
import type { ElevationMask } from "../model/station.ts";
import { escapeHtml } from "./markup.ts";

export interface Track {
  readonly name: string;
  /** From AOS to LOS. */
  readonly points: readonly LookAngles[];
}

const radius = 100;
const margin = 18;

/** The mask is shaded; tracks are numbered in their order, at AOS. */
export function skyPlot(mask: ElevationMask, tracks: readonly Track[]): string {
  const size = 2 * (radius + margin);
  const rings = [0, 30, 60].map((elevation) => `<circle r="${radiusOf(elevation)}" class="ring"/>`).join("");
  const spokes = `<path class="ring" d="M0 ${-radius}V${radius}M${-radius} 0H${radius}"/>`;
  const letters = [
    ["N", 0, -radius - 6],
    ["E", radius + 9, 4],
    ["S", 0, radius + 14],
    ["W", -radius - 9, 4],
  ].map(([letter, x, y]) => `<text x="${x}" y="${y}" text-anchor="middle">${letter}</text>`);
  const scale = [30, 60].map(
    (elevation) => `<text x="3" y="${-radiusOf(elevation) - 2}" class="degrees">${elevation}°</text>`,
  );
  const drawn = tracks.map(({ name, points }, i) => trackMarkup(name, points, i + 1));
  const about =
    tracks.length === 0 ? "no pass is predicted" : `the next passes: ${tracks.map(({ name }) => name).join(", ")}`;
  return (
    `<svg class="sky" viewBox="${-size / 2} ${-size / 2} ${size} ${size}" role="img" aria-label="${escapeHtml(`The sky over the station, with its elevation mask; ${about}`)}">` +
    `<circle r="${radius}" class="dome"/>${maskMarkup(mask)}${rings}${spokes}${letters.join("")}${scale.join("")}${drawn.join("")}</svg>`
  );
}

const radiusOf = (elevation: number): number => round((radius * (90 - Math.max(0, Math.min(90, elevation)))) / 90);

function placeOf(azimuth: number, elevation: number): string {
  const angle = (azimuth * Math.PI) / 180;
  const r = radiusOf(elevation);
  return `${round(r * Math.sin(angle))} ${round(-r * Math.cos(angle))}`;
}

/** What the station does not see: between the mask and the rim. */
function maskMarkup(mask: ElevationMask): string {
  const azimuths = Array.from({ length: 180 }, (_, i) => i * 2);
  const inner = azimuths.map((azimuth) => placeOf(azimuth, maskAt(mask, azimuth))).join("L");
  const outer = azimuths.map((azimuth) => placeOf(azimuth, 0)).join("L");
  return `<path class="mask" fill-rule="evenodd" d="M${outer}ZM${inner}Z"/>`;
}

function trackMarkup(name: string, points: readonly LookAngles[], number: number): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return "";
  const line = points.map(({ azimuth, elevation }) => placeOf(azimuth, elevation)).join("L");
  const [x, y] = placeOf(first.azimuth, first.elevation).split(" ");
  return (
    `<g class="track-${number}"><title>${number}: ${escapeHtml(name)}</title><path class="course" d="M${line}"/>` +
    `<circle class="aos" cx="${x}" cy="${y}" r="7"/><text x="${x}" y="${Number(y) + 3.5}" text-anchor="middle" class="number">${number}</text></g>`
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;
