/** XTCE files for tests: a SpaceSystem around types, parameters and containers, with the primary header as their base. */
import { buildPacket } from "../../src/ground/ccsds.ts";
import { createPacketDecoder, type ParameterValue } from "../../src/ground/latest.ts";
import { parseXtce, type XtceImport } from "../../src/ground/xtce/xtce.ts";

export const xtce12 = "http://www.omg.org/spec/XTCE/20180204";
export const xtce11 = "http://www.omg.org/space/xtce";

const header: readonly (readonly [name: string, bits: number])[] = [
  ["Version", 3],
  ["Type", 1],
  ["SecHdr", 1],
  ["APID", 11],
  ["SeqFlags", 2],
  ["SeqCount", 14],
  ["Length", 16],
];

export const integer = (name: string, bits: number, more = "", inside = ""): string =>
  `<IntegerParameterType name="${name}"><UnitSet/><IntegerDataEncoding sizeInBits="${bits}" ${more}>${inside}</IntegerDataEncoding></IntegerParameterType>`;

export interface Parts {
  readonly types?: string;
  /** `name: type` pairs. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly containers?: string;
  /** More SpaceSystems, and whatever else stands behind TelemetryMetaData. */
  readonly behind?: string;
  readonly namespace?: string;
}

/** The root `Sat`, whose abstract container `Header` is the primary header. */
export function spaceSystem({ types = "", parameters = {}, containers = "", behind = "", namespace }: Parts): string {
  const headerTypes = header.map(([name, bits]) => integer(`${name}_Type`, bits)).join("");
  const own = header.map(([name]) => [name, `${name}_Type`] as const);
  const set = [...own, ...Object.entries(parameters)].map(
    ([name, type]) => `<Parameter name="${name}" parameterTypeRef="${type}"/>`,
  );
  const headerEntries = header.map(([name]) => refTo(name)).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>
<SpaceSystem name="Sat" xmlns="${namespace ?? xtce12}">
<TelemetryMetaData>
<ParameterTypeSet>${headerTypes}${types}</ParameterTypeSet>
<ParameterSet>${set.join("")}</ParameterSet>
<ContainerSet>
<SequenceContainer name="Header" abstract="true"><EntryList>${headerEntries}</EntryList></SequenceContainer>
${containers}
</ContainerSet>
</TelemetryMetaData>
${behind}
</SpaceSystem>`;
}

export const refTo = (name: string, inside = ""): string =>
  `<ParameterRefEntry parameterRef="${name}">${inside}</ParameterRefEntry>`;

export const equal = (parameter: string, value: number | string, more = ""): string =>
  `<Comparison parameterRef="${parameter}" value="${value}" ${more}/>`;

/** A container that extends `base` where all of `criteria` are met. */
export function container(
  name: string,
  entries: string,
  base = "Header",
  criteria = equal("APID", 7),
  more = "",
): string {
  const restriction = `<RestrictionCriteria><ComparisonList>${criteria}</ComparisonList></RestrictionCriteria>`;
  return `<SequenceContainer name="${name}" ${more}><EntryList>${entries}</EntryList><BaseContainer containerRef="${base}">${restriction}</BaseContainer></SequenceContainer>`;
}

/** A file whose one packet, of APID 7, has a parameter of each of the types. */
export function oneOfEach(types: Readonly<Record<string, string>>, namespace?: string): XtceImport {
  const names = Object.keys(types);
  return parseXtce(
    spaceSystem({
      types: names.map((name) => (types[name] ?? "").replace(/ name="[^"]*"/, ` name="${name}_T"`)).join("\n"),
      parameters: Object.fromEntries(names.map((name) => [name, `${name}_T`])),
      containers: container("Packet", names.map((name) => refTo(name)).join("")),
      ...(namespace !== undefined && { namespace }),
    }),
  );
}

export interface Decoded {
  readonly packet: string;
  readonly values: Record<string, ParameterValue["value"]>;
  readonly limits: Record<string, ParameterValue["limit"]>;
}

/** What the import makes of these octets after a primary header. Null: no packet of it is that. */
export function decodedBy({ definition }: XtceImport, data: readonly number[], apid = 7): Decoded | null {
  const decode = createPacketDecoder(definition);
  const packet = decode(buildPacket({ apid, sequenceCount: 0, data: Uint8Array.from(data) }));
  if (packet === null) return null;
  const entries = [...packet.values];
  return {
    packet: packet.packet,
    values: Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
    limits: Object.fromEntries(entries.map(([name, { limit }]) => [name, limit])),
  };
}

export const reasonsOf = ({ leftOut }: XtceImport): string[] => leftOut.map(({ reason }) => reason);
