/** Passes as they are asked for: JSON, one or a list, or a table in CSV, checked and made ready to be stored. */
import { createHash } from "node:crypto";
import type { z } from "@hono/zod-openapi";
import type { GroundConfig } from "../config.ts";
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import { InvalidRequestError, OrreryError, RuleBrokenError } from "../model/errors.ts";
import type { PassDefinition, PassId } from "../model/pass.ts";
import { checked } from "./check.ts";
import { type CsvRow, parseCsv } from "./csv.ts";
import { passesAtOnceMax } from "./pass-plan-schemas.ts";
import { PassParam, passSecondsMax } from "./pass-schemas.ts";

export type Planned = z.output<typeof PassParam> & { readonly los: Instant };

export interface PassesAsked {
  readonly passes: readonly Planned[];
  /** False: it was one pass, and not a list of one. */
  readonly isList: boolean;
}

/** A table, still as texts. */
class PassTable {
  readonly rows: readonly CsvRow[];
  constructor(rows: readonly CsvRow[]) {
    this.rows = rows;
  }
}

export const readTable = (text: string): PassTable => new PassTable(parseCsv(text));

/** The window is a rule of its own (422), everything else is the body's shape (400). */
export function readPasses(parsed: unknown): PassesAsked {
  if (parsed instanceof PassTable) {
    const lineOf = (i: number) => `line ${parsed.rows[i]?.line}: `;
    return { passes: readList(parsed.rows.map(recordOf), lineOf), isList: true };
  }
  if (Array.isArray(parsed)) return { passes: readList(parsed, () => ""), isList: true };
  return { passes: [readPlanned(parsed, "")], isList: false };
}

function readList(list: readonly unknown[], place: (i: number) => string): Planned[] {
  if (list.length === 0 || list.length > passesAtOnceMax)
    throw new InvalidRequestError(`The body is invalid: 1 to ${passesAtOnceMax} passes are needed, not ${list.length}`);
  const seen = new Map<PassId, number>();
  return list.map((item, i) => {
    const pass = placed(place(i), () => readPlanned(item, `${i}`));
    const before = pass.id == null ? undefined : seen.get(pass.id);
    if (before !== undefined)
      throw new InvalidRequestError(`${place(i)}${i}.id: pass ${before} of the list has it too`, `${i}.id`);
    if (pass.id != null) seen.set(pass.id, i);
    return pass;
  });
}

/** A fault of a table's row is found by its line. */
function placed<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OrreryError && place !== "") error.message = place + error.message;
    throw error;
  }
}

const numeric = new Set(["duration_s", "prepass_margin_s", "drain_margin_s", "priority"]);

/** What is no number stays a text, for the check to refuse by its name. */
function recordOf({ line, cells }: CsvRow): object {
  const unknown = Object.keys(cells).find((name) => !(name in PassParam.shape));
  if (unknown !== undefined)
    throw new InvalidRequestError(
      `line ${line}: the column "${unknown.slice(0, 64)}" is unknown: known ones are ${Object.keys(PassParam.shape).join(", ")}`,
    );
  const isNumber = (name: string, cell: string) =>
    (numeric.has(name) || (name === "port" && cell !== "auto")) && Number.isFinite(Number(cell));
  const read = (name: string, cell: string) => {
    if (name === "flows") return cell.split(" ").filter((flow) => flow !== "");
    return isNumber(name, cell) ? Number(cell) : cell;
  };
  return Object.fromEntries(Object.entries(cells).map(([name, cell]) => [name, read(name, cell)]));
}

const readPlanned = (parsed: unknown, at: string): Planned => plannable(checked(PassParam, parsed, at), at);

/** Throws unless its window is one. `at`: the field that it stands in. */
export function plannable(pass: z.output<typeof PassParam>, at = ""): Planned {
  const { aos, los, duration_s } = pass;
  const field = at === "" ? "los" : `${at}.los`;
  const hasLos = los !== undefined && los !== null;
  const hasDuration = duration_s !== undefined && duration_s !== null;
  if (hasLos === hasDuration)
    throw new InvalidRequestError(`${field}: either los or duration_s is needed, not both`, field);
  const losMs = hasLos ? epochMsOf(los) : epochMsOf(aos) + (duration_s ?? 0) * 1000;
  if (losMs <= epochMsOf(aos)) {
    throw new RuleBrokenError(`Cannot plan the pass as its LOS ${los} is not after its AOS ${aos}`, { field });
  }
  if (losMs - epochMsOf(aos) > passSecondsMax * 1000) {
    throw new RuleBrokenError(`Cannot plan the pass as it is longer than ${passSecondsMax} s`, { field });
  }
  requireTemplate(pass, at === "" ? "template" : `${at}.template`);
  return { ...pass, los: hasLos ? los : instantOf(losMs) };
}

/** Flows are told of the products of a template. `field`: where it stands. */
export function requireTemplate(
  { template, flows }: Pick<z.output<typeof PassParam>, "template" | "flows">,
  field: string,
): void {
  if ((flows ?? []).length > 0 && (template ?? null) === null)
    throw new RuleBrokenError("Cannot tell flows of products as there is no template: name one, or leave flows out", {
      field,
    });
}

/** `passId`: of a pass that names none. */
export function definitionOf(body: Planned, ground: GroundConfig, passId: PassId): PassDefinition {
  const { ship, aos, los } = body;
  const port = body.port ?? "auto";
  const [station, host, template, priority] = [
    body.station ?? null,
    body.host ?? null,
    body.template ?? null,
    body.priority ?? 0,
  ];
  const flows = [...new Set(body.flows ?? [])];
  const [prepassS, drainS] = [body.prepass_margin_s ?? null, body.drain_margin_s ?? null];
  // As asked for, before the configuration's defaults: these may change between two tries of one request.
  const named = flows.length === 0 ? [] : [flows];
  const asked = JSON.stringify([ship, station, host, port, aos, los, template, priority, prepassS, drainS, ...named]);
  return {
    passId: body.id ?? passId,
    ship,
    station,
    host: host ?? ground.host,
    port: port === "auto" ? null : port,
    aos,
    los,
    prepassMarginMs: Math.round((prepassS ?? ground.prepassMarginS) * 1000),
    drainMarginMs: Math.round((drainS ?? ground.drainMarginS) * 1000),
    template,
    flows,
    priority,
    requestDigest: createHash("sha256").update(asked).digest("base64url"),
  };
}
