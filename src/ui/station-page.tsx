/** @jsxImportSource hono/jsx */
/** A station: where it stands, what of the sky it sees, which passes come over it, planned or predicted. And the list of stations. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import { epochMsOf, type Instant } from "../model/clock.ts";
import type { ContactRow } from "../model/contact.ts";
import type { ElevationMask, StationRow } from "../model/station.ts";
import { duration } from "./figures.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";
import { passTimeline, type Timeline } from "./pass-timeline.ts";
import { skyPlot, type Track } from "./sky-plot.ts";
import { emptyCard, livePart, olderLink, tabbedPage, tableCard } from "./tabs.tsx";

/** A pass that an orbit says will come. */
export interface Sighting {
  readonly ship: string;
  readonly aos: Instant;
  readonly los: Instant;
  readonly aosAzimuth: number;
  readonly losAzimuth: number;
  readonly maxElevation: number;
  /** The pass that is planned for it. */
  readonly passId: string | null;
  readonly track: Track;
}

export interface ShownStation {
  readonly station: StationRow;
  readonly timeline: Timeline;
  /** Of the next day, by AOS. */
  readonly sightings: readonly Sighting[];
  /** What the prediction warns of, or why a ship has none. */
  readonly notes: readonly string[];
  readonly contacts: readonly ContactRow[];
}

const tracksDrawn = 3;

export interface StationList {
  readonly rows: readonly StationRow[];
  /** The name after which the next page begins; null: there is none. */
  readonly after: string | null;
}

export function stationPage(shown: ShownStation, look: Look): string {
  const { station } = shown.station;
  return document(
    { section: "passes", look, islands: ["part.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Passes", "/pass"],
            ["Stations", "/station"],
            [station, `/station/${encodeURIComponent(station)}`],
          ]}
          isLive
        />
        {raw(livePart(stationPart(shown, look), look))}
      </>,
    ),
  );
}

export function stationPart({ station, timeline, sightings, notes, contacts }: ShownStation, look: Look): string {
  const { nowMs } = look;
  return String(
    <>
      <h1>{station.station}</h1>
      <dl class="facts">
        {station.description === null ? null : <Fact name="Description">{station.description}</Fact>}
        <Fact name="Place">{placeText(station)}</Fact>
        <Fact name="Height">{Math.round(station.heightM)} m</Fact>
        <Fact name="Sees a ship above">{maskText(station.mask)}</Fact>
        <Fact name="Modified by">{station.modifiedBy}</Fact>
        <Fact name="Modified">{raw(timeMarkup(station.modifiedAt, nowMs))}</Fact>
      </dl>
      <div class="block">{raw(passTimeline(timeline, nowMs))}</div>
      <div class="block sky-and-passes">
        <figure class="card padded">
          {raw(
            skyPlot(
              station.mask,
              sightings.slice(0, tracksDrawn).map(({ track }) => track),
            ),
          )}
        </figure>
        <div>
          <h2>Predicted in the next 24 hours</h2>
          {sightings.length === 0 ? (
            <p class="card empty">
              {notes.length === 0
                ? "No ship with two-line elements passes over it by then: orrery ships tle SHIP FILE gives a ship some."
                : "None."}
            </p>
          ) : (
            raw(sightingTable(sightings, nowMs))
          )}
          {notes.map((note) => (
            <p class="muted">{note}</p>
          ))}
        </div>
      </div>
      {contacts.length === 0 ? null : (
        <div class="block">
          <h2>Contacts that come again and again</h2>
          {raw(contactTable(contacts, nowMs))}
        </div>
      )}
    </>,
  );
}

export function stationListPage(list: StationList, look: Look): string {
  const part = stationListPart(list, look);
  return tabbedPage({ section: "passes", tab: "/station", title: "Stations", part }, look);
}

export function stationListPart({ rows, after }: StationList, look: Look): string {
  if (rows.length > 0) {
    const more = after === null ? null : new URLSearchParams({ after }).toString();
    return stationTable(rows, look.nowMs) + olderLink("/station", more, "More stations");
  }
  return emptyCard(
    "No stations",
    "Save one with <code>orrery stations save kiruna -</code> or <code>PUT /api/station/kiruna</code>: with its coordinates, passes over it are predicted.",
  );
}

const Fact: FC<{ name: string; children?: unknown }> = ({ name, children }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const stationLink = ({ station }: StationRow): string =>
  `<a href="/station/${escapeHtml(encodeURIComponent(station))}">${escapeHtml(station)}</a>`;

const stationTable = (stations: readonly StationRow[], nowMs: number): string =>
  tableCard(
    "Stations",
    ["Station", "Place", "Height", "Sees above", "Description", "Modified"],
    stations.map((station) => ({
      cells: [
        stationLink(station),
        placeText(station),
        `${Math.round(station.heightM)} m`,
        maskText(station.mask),
        escapeHtml(station.description ?? ""),
        timeMarkup(station.modifiedAt, nowMs),
      ],
    })),
  );

const sightingTable = (sightings: readonly Sighting[], nowMs: number): string =>
  tableCard(
    "Predicted passes",
    ["No.", "Ship", "AOS", "Duration", "Highest", "From", "To", "Planned"],
    sightings.map((sighting, i) => ({
      cells: [
        i < tracksDrawn ? `<span class="track-number">${i + 1}</span>` : "",
        `<a href="/ship/${escapeHtml(sighting.ship)}">${escapeHtml(sighting.ship)}</a>`,
        timeMarkup(sighting.aos, nowMs),
        duration((epochMsOf(sighting.los) - epochMsOf(sighting.aos)) / 1000),
        `${sighting.maxElevation.toFixed(0)}°`,
        `${sighting.aosAzimuth.toFixed(0)}°`,
        `${sighting.losAzimuth.toFixed(0)}°`,
        sighting.passId === null ? `<span class="muted">no</span>` : `<a href="/pass/${sighting.passId}">pass</a>`,
      ],
    })),
  );

const contactTable = (contacts: readonly ContactRow[], nowMs: number): string =>
  tableCard(
    "Contacts",
    ["Contact", "Ship", "Pattern", "Time zone", "Duration", "Planned until"],
    contacts.map(({ contact, definition, plannedUntil }) => ({
      cells: [
        escapeHtml(contact),
        `<a href="/ship/${escapeHtml(definition.ship)}">${escapeHtml(definition.ship)}</a>`,
        `<code>${escapeHtml(definition.cron)}</code>`,
        escapeHtml(definition.timezone),
        duration(definition.durationS),
        timeMarkup(plannedUntil, nowMs),
      ],
    })),
  );

/** `67.857° N, 20.964° E` */
function placeText({ latitude, longitude }: StationRow): string {
  const side = (degrees: number, [plus, minus]: readonly [string, string]): string =>
    `${Math.abs(degrees).toFixed(3)}° ${degrees < 0 ? minus : plus}`;
  return `${side(latitude, ["N", "S"])}, ${side(longitude, ["E", "W"])}`;
}

function maskText(mask: ElevationMask): string {
  if (typeof mask === "number") return `${mask}°`;
  const elevations = mask.map(([, elevation]) => elevation);
  return `${Math.min(...elevations)}° to ${Math.max(...elevations)}°, by azimuth`;
}
