/**
 * Makes a packet definition of an XTCE file (OMG's XML Telemetric and Command Exchange, 1.1 and 1.2): of every container
 * that is not abstract and has an APID, for which the first 48 bits must be the primary header. docs/packets.md tells the subset.
 */
import { InvalidRequestError } from "../../model/errors.ts";
import { headerBytes } from "../ccsds.ts";
import {
  type FieldDefinition,
  type PacketCondition,
  type PacketDefinition,
  parsePacketDefinition,
} from "../packet-definition.ts";
import { exclude } from "./criteria.ts";
import { invalidXtce, type LeftOut, LeftOuts, NotUnderstood, XtceFault } from "./faults.ts";
import { Layouter, type PlacedField } from "./layout.ts";
import { isAligned, placedType } from "./placed-type.ts";
import { allSystems, namesOf, readSystem, resolve, type SpaceSystem } from "./systems.ts";
import { attributeOf, childOf, childrenOf, pathOf, readXtceXml, type XmlElement } from "./xml.ts";

export interface XtceImport {
  readonly definition: PacketDefinition;
  readonly leftOut: readonly LeftOut[];
}

/** A container in one of its layouts. */
interface Draft {
  readonly container: XmlElement;
  /** The containers that it extends, nearest first. */
  readonly bases: readonly XmlElement[];
  readonly name: string;
  readonly apid: number;
  readonly when: readonly PacketCondition[];
  readonly fields: readonly PlacedField[];
}

const headerBits = headerBytes * 8;
const apidBit = 5;
const apidBits = 11;
/** As many as a definition may have. */
const packetsMax = 4096;

/** `name` is what messages call the file. Throws `InvalidRequestError`, which says the line and the element's path. */
export function parseXtce(text: string, name = "the XTCE file"): XtceImport {
  try {
    return importOf(text);
  } catch (error) {
    if (!(error instanceof XtceFault)) throw error;
    throw new InvalidRequestError(`Cannot use ${name}: ${error.message}`, "packets.xtce");
  }
}

function importOf(text: string): XtceImport {
  const root = readXtceXml(text);
  const leftOuts = new LeftOuts();
  const system = readSystem(root, null, leftOuts);
  const drafts = reachable(draftsOf(system, leftOuts), leftOuts);
  if (drafts.length === 0) throw nothingLeft(root, leftOuts);
  const odd = new Set(
    drafts.flatMap(({ fields }) => fields.filter((field) => !isAligned(field))).map(({ name }) => name),
  );
  const made = drafts.map((draft) => ({ draft, fields: fieldsOf(draft, odd, leftOuts) }));
  const packets = made.filter(({ draft, fields }) => {
    if (fields.length === 0) leftOuts.add(draft.container, "is left out: there is no parameter in it");
    return fields.length > 0;
  });
  if (packets.length === 0) throw nothingLeft(root, leftOuts);
  return { definition: checked(packets), leftOut: leftOuts.list() };
}

interface Made {
  readonly draft: Draft;
  readonly fields: readonly (readonly [FieldDefinition, PlacedField])[];
}

function draftsOf(root: SpaceSystem, leftOuts: LeftOuts): Draft[] {
  const names = namesOf("containers", root);
  const layouter = new Layouter(namesOf("parameters", root), leftOuts);
  const containers = allSystems(root).flatMap((system) =>
    [...system.containers.values()].map((one) => [one, system] as const),
  );
  const used = usedContainers(containers);
  const drafts = containers.flatMap(([container, system]) => {
    if (container.attributes.get("abstract") === "true" || used.included.has(container)) return [];
    try {
      const layouts = layouter.layoutsOf(container, system);
      if (!used.extended.has(container) && !layouts.some(({ conditions }) => apidOf(conditions)[0] !== null))
        leftOuts.add(container, "is left out whole: nothing restricts it to an APID");
      return layouts.flatMap((layout) => {
        const [apid, when] = apidOf(layout.conditions);
        if (apid === null) return [];
        const name = names.get(container) ?? attributeOf(container, "name");
        return [{ container, bases: basesOf(container, system), name, apid, when, fields: layout.fields }];
      });
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error;
      leftOuts.add(
        container,
        `is left out whole: ${pathOf(error.element)} (line ${error.element.line}) ${error.message}`,
      );
      return [];
    }
  });
  if (drafts.length > packetsMax)
    throw invalidXtce(null, `has more than ${packetsMax} packets, counting IncludeConditions`);
  // The most special first: a packet is the first whose conditions are met.
  return drafts.sort((a, b) => a.apid - b.apid || b.bases.length - a.bases.length);
}

function basesOf(container: XmlElement, system: SpaceSystem): XmlElement[] {
  const base = childOf(container, "BaseContainer");
  if (base === undefined) return [];
  const found = resolve("containers", attributeOf(base, "containerRef"), system, base);
  return [found.element, ...basesOf(found.element, found.system)];
}

/** Those that are parts of others: they need no APID of their own. */
function usedContainers(containers: readonly (readonly [XmlElement, SpaceSystem])[]): {
  readonly included: ReadonlySet<XmlElement>;
  readonly extended: ReadonlySet<XmlElement>;
} {
  const included = new Set<XmlElement>();
  const extended = new Set<XmlElement>();
  for (const [container, system] of containers) {
    const to = (one: XmlElement): XmlElement =>
      resolve("containers", attributeOf(one, "containerRef"), system, one).element;
    for (const base of childrenOf(container, "BaseContainer")) extended.add(to(base));
    for (const entry of childrenOf(childOf(container, "EntryList"), "ContainerRefEntry")) included.add(to(entry));
  }
  return { included, extended };
}

/** Which APID the conditions ask for, and what they ask beside it. Version 0 is what every packet has. */
function apidOf(conditions: readonly PacketCondition[]): [apid: number | null, rest: PacketCondition[]] {
  let apid: number | null = null;
  const rest = conditions.filter(({ bit_offset, bits, equals }) => {
    const [first, end] = [bit_offset + headerBits, bit_offset + headerBits + bits];
    if (first === 0 && bits === 3 && equals === 0) return false;
    if (apid !== null || equals === undefined || first > apidBit || end < apidBit + apidBits) return true;
    apid = Math.floor(equals / 2 ** (end - apidBit - apidBits)) % 2 ** apidBits;
    return bits !== apidBits;
  });
  return [apid, rest];
}

/** Without those that another one hides; where two containers would both take a packet, only the first of them does, which is told. */
function reachable(drafts: readonly Draft[], leftOuts: LeftOuts): Draft[] {
  const kept: Draft[] = [];
  for (const draft of drafts) {
    const before = kept.filter(({ apid }) => apid === draft.apid);
    const rival = before.find((other) => !areKin(other, draft) && !areExclusive(other, draft));
    if (rival !== undefined)
      leftOuts.add(
        draft.container,
        `is left out where ${rival.name} (line ${rival.container.line}) fits, too: a packet is decoded by one container`,
      );
    if (!before.some(({ when }) => when.length === 0)) kept.push(draft);
  }
  return kept;
}

function areKin(a: Draft, b: Draft): boolean {
  return a.container === b.container || a.bases.includes(b.container) || b.bases.includes(a.container);
}

function areExclusive(a: Draft, b: Draft): boolean {
  return a.when.some((one) => b.when.some((other) => exclude(one, other)));
}

/** Our fields of a draft, each with where it is from. `odd`: parameters that do not begin at an octet in some packet. */
function fieldsOf(
  { fields, container }: Draft,
  odd: ReadonlySet<string>,
  leftOuts: LeftOuts,
): [FieldDefinition, PlacedField][] {
  const seen = new Set<string>();
  return fields.flatMap((field) => {
    const { name, bit, parameter, value } = field;
    if (bit < headerBits) {
      leftOuts.add(parameter, "is left out: it is in the primary header, which is read anyway");
      return [];
    }
    if (seen.has(name)) {
      leftOuts.add(container, `is left out in part: only the first ${name} in it is read`);
      return [];
    }
    seen.add(name);
    try {
      const description = parameter.attributes.get("shortDescription")?.slice(0, 200);
      const { calibration, limits, unit } = value;
      const given = Object.entries({ description, unit, calibration, limits }).filter(([, one]) => one !== undefined);
      const type = placedType(value, !odd.has(name));
      const made = { name, ...type, bit_offset: bit - headerBits, ...Object.fromEntries(given) } as FieldDefinition; // checked below
      return [[made, field]];
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error;
      leftOuts.add(parameter, `is left out: ${error.message}`);
      return [];
    }
  });
}

/** A fault that only the whole definition shows, such as limits that do not nest, is told by the parameter. */
function checked(made: readonly Made[]): PacketDefinition {
  const packets = made.map(({ draft: { apid, name, when }, fields }) => {
    const [first] = fields;
    const time = first?.[0].type === "cuc" && first[0].bit_offset === 0 ? { time: first[0].name } : {};
    return { apid, name, ...(when.length > 0 && { when }), ...time, fields: fields.map(([field]) => field) };
  });
  try {
    return parsePacketDefinition({ packets });
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    const [, p, f] = /packets\.(\d+)(?:\.fields\.(\d+))?/.exec(String(error.members.field)) ?? [];
    const packet = made[Number(p)];
    const field = f === undefined ? undefined : packet?.fields[Number(f)]?.[1];
    const at = field?.parameter ?? packet?.draft.container ?? null;
    throw invalidXtce(at, `cannot become a packet definition: ${error.message.replace(/^.*?: /, "")}`);
  }
}

function nothingLeft(root: XmlElement, leftOuts: LeftOuts): XtceFault {
  const first = leftOuts.list().find(({ reason }) => /^is left out whole|in its container$/.test(reason));
  return invalidXtce(
    root,
    first === undefined
      ? "has no container with an APID: one is found by a restriction of bits 5 to 15 of a packet, in the primary header"
      : `has no container that can be used: line ${first.line}: ${first.path} ${first.reason}`,
  );
}
