/** The SpaceSystems of a file, and how their references find parameters, types and containers. */
import { invalidXtce, type LeftOuts } from "./faults.ts";
import { attributeOf, childOf, type XmlElement } from "./xml.ts";

export interface SpaceSystem {
  readonly name: string;
  readonly parent: SpaceSystem | null;
  readonly systems: Map<string, SpaceSystem>;
  readonly types: Map<string, XmlElement>;
  readonly parameters: Map<string, XmlElement>;
  readonly containers: Map<string, XmlElement>;
}
export type ItemKind = "types" | "parameters" | "containers";

export interface Found {
  readonly element: XmlElement;
  /** Where it is defined: its own references begin there. */
  readonly system: SpaceSystem;
  /** Steps behind a parameter's name: members of an aggregate. */
  readonly members: readonly string[];
}

const sets: readonly (readonly [set: string, kind: ItemKind])[] = [
  ["ParameterTypeSet", "types"],
  ["ParameterSet", "parameters"],
  ["ContainerSet", "containers"],
];
const described = ["Header", "LongDescription", "AliasSet", "AncillaryDataSet"];

export function readSystem(element: XmlElement, parent: SpaceSystem | null, leftOuts: LeftOuts): SpaceSystem {
  const system: SpaceSystem = {
    name: attributeOf(element, "name"),
    parent,
    systems: new Map(),
    types: new Map(),
    parameters: new Map(),
    containers: new Map(),
  };
  const telemetry = childOf(element, "TelemetryMetaData");
  for (const [set, kind] of sets) {
    for (const item of (telemetry && childOf(telemetry, set)?.children) ?? []) {
      const name = attributeOf(item, "name");
      if (system[kind].has(name)) throw invalidXtce(item, "has a name that its set has before");
      system[kind].set(name, item);
    }
  }
  const known = ["TelemetryMetaData", "SpaceSystem", ...described];
  for (const other of element.children.filter(({ name }) => !known.includes(name)))
    leftOuts.add(other, `is left out: ${other.name} is not read, only TelemetryMetaData`);
  for (const other of telemetry?.children.filter(({ name }) => !sets.some(([set]) => set === name)) ?? [])
    leftOuts.add(other, `is left out: ${other.name} is not read`);
  for (const child of element.children.filter(({ name }) => name === "SpaceSystem")) {
    const inner = readSystem(child, system, leftOuts);
    if (system.systems.has(inner.name)) throw invalidXtce(child, "has a name that another SpaceSystem has beside it");
    system.systems.set(inner.name, inner);
  }
  return system;
}

export function allSystems(root: SpaceSystem): SpaceSystem[] {
  return [root, ...[...root.systems.values()].flatMap(allSystems)];
}

/** `reference` of `element`: `/Root/Sub/name`, or a path that is tried from the system outwards. */
export function resolve(kind: ItemKind, reference: string, from: SpaceSystem, element: XmlElement): Found {
  const steps = reference.split("/").filter((step) => step !== "" && step !== ".");
  const found = reference.startsWith("/") ? absolute(kind, steps, from) : relative(kind, steps, from);
  if (found === null || (kind !== "parameters" && found.members.length > 0))
    throw invalidXtce(element, `refers to "${reference}", which is not there`);
  return found;
}

function absolute(kind: ItemKind, [first, ...steps]: readonly string[], from: SpaceSystem): Found | null {
  let root = from;
  while (root.parent !== null) root = root.parent;
  return first === root.name ? walk(kind, steps, root) : null;
}

function relative(kind: ItemKind, steps: readonly string[], from: SpaceSystem): Found | null {
  for (let at: SpaceSystem | null = from; at !== null; at = at.parent) {
    const found = walk(kind, steps, at);
    if (found !== null) return found;
  }
  return null;
}

function walk(kind: ItemKind, [step, ...rest]: readonly string[], system: SpaceSystem): Found | null {
  if (step === undefined) return null;
  if (step === "..") return system.parent === null ? null : walk(kind, rest, system.parent);
  const inner = system.systems.get(step);
  const within = inner === undefined ? null : walk(kind, rest, inner);
  if (within !== null) return within;
  const element = system[kind].get(step);
  return element === undefined ? null : { element, system, members: rest };
}

/**
 * Our names of a kind's items: their own where no other system has it, else with the systems below the root before it
 * (`eps.battery.voltage`). Characters that our names do not have become `_`; two that are the same then are refused.
 */
export function namesOf(kind: ItemKind, root: SpaceSystem): ReadonlyMap<XmlElement, string> {
  const systems = allSystems(root);
  const holders = new Map<string, number>();
  for (const system of systems) for (const name of system[kind].keys()) holders.set(name, (holders.get(name) ?? 0) + 1);
  const names = new Map<XmlElement, string>();
  const taken = new Set<string>();
  for (const system of systems) {
    for (const [own, element] of system[kind]) {
      const whole = holders.get(own) === 1 ? own : [...pathBelowRoot(system), own].join(".");
      const name = asName(whole);
      if (taken.has(name)) throw invalidXtce(element, `would be named "${name}", as another one is`);
      if (name.length > 128) throw invalidXtce(element, "has a name of more than 128 characters");
      taken.add(name);
      names.set(element, name);
    }
  }
  return names;
}

export const asName = (text: string): string => text.replace(/[^A-Za-z0-9_.-]/g, "_").replace(/^[.-]/, "_");

function pathBelowRoot(system: SpaceSystem): string[] {
  return system.parent === null ? [] : [...pathBelowRoot(system.parent), system.name];
}
