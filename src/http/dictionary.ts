/** A ship's parameters as its packet definition describes them, found by name. */
import type { FieldDefinition, PacketDefinition } from "../ground/packet-definition.ts";
import { isPlotted } from "../history/columns.ts";
import { ConflictError, NotFoundError } from "../model/errors.ts";
import type { JsonText } from "../model/json.ts";
import type { ShipRow } from "../model/pass.ts";

export interface DefinedParameter {
  /** The first that has it: several may. */
  readonly packet: string;
  readonly apid: number;
  readonly field: FieldDefinition;
}

/** In the definition's order, each once; none without a definition. */
export function parametersOf({ definition }: ShipRow): DefinedParameter[] {
  if (definition === null) return [];
  // Checked when it was stored.
  const { packets } = JSON.parse(definition) as PacketDefinition;
  const parameters = new Map<string, DefinedParameter>();
  for (const { name, apid, fields } of packets)
    for (const field of fields)
      if (!parameters.has(field.name)) parameters.set(field.name, { packet: name, apid, field });
  return [...parameters.values()];
}

export function parameterOf(ship: ShipRow, name: string): DefinedParameter {
  const found = parametersOf(ship).find(({ field }) => field.name === name);
  if (found === undefined)
    throw new NotFoundError("parameter", name, ` of ${ship.ship}: see /api/ship/${ship.ship}/parameter`);
  return found;
}

/** What a history is asked of: the ship's definition, and that the parameter is there and a number. */
export function plottedIn(
  ship: ShipRow,
  name: string,
): { readonly definition: JsonText; readonly found: DefinedParameter } {
  const found = parameterOf(ship, name);
  if (ship.definition === null || !isPlotted(found.field)) {
    throw new ConflictError(
      `Cannot give a history of ${name} as it is of type ${found.field.type}, which is no number: its values are in the exports of passes`,
      { parameter_id: name },
    );
  }
  return { definition: ship.definition, found };
}

/** The texts of an enum, by raw value; null: it is none. */
export function enumerationOf({ calibration }: FieldDefinition): { value: number; text: string }[] | null {
  if (calibration === undefined || !("enum" in calibration)) return null;
  return Object.entries(calibration.enum).map(([raw, text]) => ({ value: Number(raw), text }));
}

export function shownParameter({ packet, apid, field }: DefinedParameter): object {
  return {
    name: field.name,
    type: field.type,
    unit: field.unit ?? null,
    description: field.description ?? null,
    packet,
    apid,
    enumeration: enumerationOf(field),
    limits: field.limits ?? null,
    has_history: isPlotted(field),
  };
}
