/** Parameters as Open MCT's points: `ship~parameter`, as neither name can have a tilde, with a dictionary entry of its form. */
import type { LatestValue } from "../ground/latest.ts";
import { epochMsOf } from "../model/clock.ts";
import { InvalidRequestError } from "../model/errors.ts";
import type { ShipRow } from "../model/pass.ts";
import { type DefinedParameter, enumerationOf } from "./dictionary.ts";
import { nameIn } from "./named.ts";

export interface PointName {
  readonly ship: string;
  readonly parameter: string;
}

/** One value of a point; what Open MCT calls a datum. */
export interface Datum {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly value: number | string;
}

export const pointId = ({ ship, parameter }: PointName): string => `${ship}~${parameter}`;

export function readPointId(given: string): PointName {
  const [ship = "", parameter, ...rest] = given.split("~");
  if (parameter === undefined || parameter === "" || rest.length > 0)
    throw new InvalidRequestError(`point: "${given.slice(0, 64)}" is not of the form ship~parameter`, "point");
  return { ship: nameIn("ship", ship), parameter };
}

export function shownPoint({ ship }: ShipRow, { field }: DefinedParameter): object {
  const texts = enumerationOf(field);
  const isText = field.type === "string" || field.type === "bytes" || field.type === "cuc" || field.type === "cds";
  const range = {
    key: "value",
    name: field.description ?? field.name,
    ...(field.unit !== undefined && { units: field.unit }),
    ...(texts !== null && { format: "enum", enumerations: texts.map(({ value, text }) => ({ value, string: text })) }),
    ...(isText && { format: "string" }),
    hints: { range: 1 },
  };
  const domain = { key: "utc", source: "timestamp", name: "Time", format: "utc", hints: { domain: 1 } };
  return { key: pointId({ ship, parameter: field.name }), name: field.name, values: [range, domain] };
}

/** Null: it is no number, which no plot can show. An enum goes by its raw value, as its dictionary entry says. */
export function datumOf(id: string, latest: LatestValue, isEnum: boolean): Datum | null {
  const value = isEnum ? latest.raw : latest.value;
  return value === null ? null : { id, timestamp: epochMsOf(latest.taken ?? latest.at), value };
}
