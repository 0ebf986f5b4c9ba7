/**
 * Lays a container's entries out, its bases' before them: every parameter gets its bit. An entry with an IncludeCondition
 * makes two layouts of one, first the one with it; whoever takes the first that fits needs no negation of the condition.
 */
import type { PacketCondition } from "../packet-definition.ts";
import { conditionsOf, exclude, type Position } from "./criteria.ts";
import { invalidXtce, type LeftOuts, NotUnderstood } from "./faults.ts";
import { shapeOfType, type TypeShape, type ValueShape } from "./parameter-type.ts";
import { asName, type Found, resolve, type SpaceSystem } from "./systems.ts";
import { attributeOf, childOf, wholeIn, type XmlElement } from "./xml.ts";

export interface PlacedField {
  readonly name: string;
  /** The Parameter. */
  readonly parameter: XmlElement;
  /** From the packet's first bit, its header's included. */
  readonly bit: number;
  readonly value: ValueShape;
}

export interface Layout {
  /** Where the next entry begins. */
  bit: number;
  /** An entry was not understood: where the ones behind it begin is not known, so they are left out. */
  hasEnded: boolean;
  readonly fields: PlacedField[];
  readonly places: Map<string, Position>;
  readonly conditions: PacketCondition[];
  /** IncludeConditions that this layout stands for, and whether they are met: the same one is not asked twice. */
  readonly decided: Map<string, boolean>;
}

const layoutsMax = 64;
const nestingMax = 32;
/** Of a whole file: containers in containers in containers could multiply without end. */
const placementsMax = 2_000_000;
const bitsMax = 65_536 * 8;

export class Layouter {
  readonly #names: ReadonlyMap<XmlElement, string>;
  readonly #leftOuts: LeftOuts;
  readonly #byContainer = new Map<XmlElement, readonly Layout[]>();
  readonly #shapes = new Map<XmlElement, TypeShape>();
  #placements = 0;

  constructor(names: ReadonlyMap<XmlElement, string>, leftOuts: LeftOuts) {
    this.#names = names;
    this.#leftOuts = leftOuts;
  }

  /** In the order in which they are to be tried. `NotUnderstood`: what chooses it is not, or there are too many of them. */
  layoutsOf(container: XmlElement, system: SpaceSystem, nesting = 0): readonly Layout[] {
    const known = this.#byContainer.get(container);
    if (known !== undefined) return known;
    if (nesting > nestingMax) throw invalidXtce(container, `extends itself, or more than ${nestingMax} containers`);
    let layouts: Layout[] = [
      { bit: 0, hasEnded: false, fields: [], places: new Map(), conditions: [], decided: new Map() },
    ];
    const base = childOf(container, "BaseContainer");
    if (base !== undefined) {
      const found = resolve("containers", attributeOf(base, "containerRef"), system, base);
      layouts = this.layoutsOf(found.element, found.system, nesting + 1).map((layout) => this.#copyOf(layout, base));
      const criteria = childOf(base, "RestrictionCriteria");
      if (criteria !== undefined)
        for (const layout of layouts) layout.conditions.push(...this.#conditions(criteria, layout, system));
    }
    const own = childOf(container, "EntryList")?.children.length ?? 0;
    if (own > 0 && layouts.some(({ hasEnded }) => hasEnded))
      this.#leftOuts.add(container, "is left out in part: its entries follow what is left out of its base");
    layouts = this.#placeEntries(layouts, container, system, 0, nesting);
    this.#byContainer.set(container, layouts);
    return layouts;
  }

  #placeEntries(
    before: Layout[],
    container: XmlElement,
    system: SpaceSystem,
    startBit: number,
    nesting: number,
  ): Layout[] {
    let layouts = before;
    for (const entry of childOf(container, "EntryList")?.children ?? []) {
      layouts = layouts.flatMap((layout) => this.#place(layout, entry, system, startBit, nesting));
      if (layouts.length > layoutsMax)
        throw new NotUnderstood(entry, `has with its IncludeConditions more than ${layoutsMax} layouts`);
    }
    return layouts;
  }

  #place(layout: Layout, entry: XmlElement, system: SpaceSystem, startBit: number, nesting: number): Layout[] {
    this.#count(1, entry);
    if (layout.hasEnded) return [layout];
    try {
      return this.#placeIfIncluded(layout, entry, system, startBit, nesting);
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error;
      this.#leftOuts.add(error.element, `${error.message}: it is left out, with all that follows in its container`);
      layout.hasEnded = true;
      return [layout];
    }
  }

  #placeIfIncluded(
    layout: Layout,
    entry: XmlElement,
    system: SpaceSystem,
    startBit: number,
    nesting: number,
  ): Layout[] {
    const include = childOf(entry, "IncludeCondition");
    if (include === undefined) return this.#placeAlways(layout, entry, system, startBit, nesting);
    const conditions = this.#conditions(include, layout, system);
    const key = JSON.stringify(conditions);
    const decided = layout.decided.get(key);
    const isImpossible = conditions.some((one) => layout.conditions.some((other) => exclude(one, other)));
    if (decided === false || isImpossible) return [layout];
    if (decided === true) return this.#placeAlways(layout, entry, system, startBit, nesting);
    const included = this.#copyOf(layout, entry);
    included.conditions.push(...conditions);
    included.decided.set(key, true);
    layout.decided.set(key, false);
    return [...this.#placeAlways(included, entry, system, startBit, nesting), layout];
  }

  #placeAlways(layout: Layout, entry: XmlElement, system: SpaceSystem, startBit: number, nesting: number): Layout[] {
    if (childOf(entry, "RepeatEntry") !== undefined) throw new NotUnderstood(entry, "is repeated");
    layout.bit = bitOf(entry, layout.bit, startBit);
    if (entry.name === "ContainerRefEntry") {
      const found = resolve("containers", attributeOf(entry, "containerRef"), system, entry);
      if (nesting > nestingMax) throw invalidXtce(entry, `holds itself, or is more than ${nestingMax} containers deep`);
      const unknown = childOf(found.element, "BaseContainer") ?? childOf(found.element, "BinaryEncoding");
      if (unknown !== undefined) throw new NotUnderstood(entry, `holds a container with a ${unknown.name}`);
      return this.#placeEntries([layout], found.element, found.system, layout.bit, nesting + 1);
    }
    if (entry.name !== "ParameterRefEntry") throw new NotUnderstood(entry, `is a ${entry.name}`);
    const found = resolve("parameters", attributeOf(entry, "parameterRef"), system, entry);
    if (found.members.length > 0) throw new NotUnderstood(entry, "is a member of an aggregate without the rest of it");
    this.#placeShape(layout, this.#shapeOf(found), this.#nameOf(found), found.element);
    if (layout.bit > bitsMax) throw invalidXtce(entry, "ends behind the longest packet there is");
    return [layout];
  }

  #placeShape(layout: Layout, shape: TypeShape, name: string, parameter: XmlElement): void {
    if (shape.is === "members") {
      for (const [member, inner] of shape.members)
        this.#placeShape(layout, inner, `${name}.${asName(member)}`, parameter);
      return;
    }
    const { bit } = layout;
    if (shape.is === "gap") {
      this.#leftOuts.add(shape.why.element, `is left out, the bits are skipped: it ${shape.why.message}`);
      layout.places.set(name, { bit, value: null });
      layout.bit += shape.sizeBits;
      return;
    }
    layout.places.set(name, { bit, value: shape.value });
    layout.fields.push({ name, parameter, bit, value: shape.value });
    layout.bit += shape.value.sizeBits;
  }

  #copyOf({ bit, hasEnded, fields, places, conditions, decided }: Layout, at: XmlElement): Layout {
    this.#count(fields.length, at);
    return {
      bit,
      hasEnded,
      fields: [...fields],
      places: new Map(places),
      conditions: [...conditions],
      decided: new Map(decided),
    };
  }

  #count(placements: number, at: XmlElement): void {
    this.#placements += placements;
    if (this.#placements > placementsMax) throw invalidXtce(at, `is beyond ${placementsMax} parameters in containers`);
  }

  #shapeOf({ element, system }: Found): TypeShape {
    const known = this.#shapes.get(element);
    if (known !== undefined) return known;
    const type = resolve("types", attributeOf(element, "parameterTypeRef"), system, element);
    const shape = shapeOfType(type.element, type.system, this.#leftOuts);
    this.#shapes.set(element, shape);
    return shape;
  }

  #nameOf({ element, members }: Found): string {
    return [this.#names.get(element) ?? attributeOf(element, "name"), ...members.map(asName)].join(".");
  }

  #conditions(criteria: XmlElement, layout: Layout, system: SpaceSystem): PacketCondition[] {
    return conditionsOf(criteria, (reference, element) => {
      const found = resolve("parameters", reference, system, element);
      return layout.places.get(this.#nameOf(found)) ?? null;
    });
  }
}

/** Where the entry begins. `startBit` is that of the container that it is written in; one that extends another begins where that does. */
function bitOf(entry: XmlElement, previousEnd: number, startBit: number): number {
  const location = childOf(entry, "LocationInContainerInBits");
  if (location === undefined) return previousEnd;
  const from = location.attributes.get("referenceLocation") ?? "previousEntry";
  if (from !== "previousEntry" && from !== "containerStart")
    throw new NotUnderstood(location, `is counted from ${from}`);
  const fixed = childOf(location, "FixedValue");
  if (fixed === undefined) throw new NotUnderstood(location, "has no fixed value");
  const bit = (from === "previousEntry" ? previousEnd : startBit) + wholeIn(fixed, fixed.text, "FixedValue");
  if (bit < 0) throw invalidXtce(location, "lies before the packet");
  return bit;
}
