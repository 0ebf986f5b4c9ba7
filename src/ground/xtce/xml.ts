/** XML as a tree of elements that know their line. No DOCTYPE, so no entities, and bounds on size, elements and depth. */
import { SaxesParser, type SaxesTagNS } from "saxes";
import { invalidXtce } from "./faults.ts";

/** XTCE 1.2 (2018) and 1.1; 1.0 had the second one, too. */
const namespaces = ["http://www.omg.org/spec/XTCE/20180204", "http://www.omg.org/space/xtce"];

const charactersMax = 8 * 1024 * 1024;
const elementsMax = 500_000;
/** SpaceSystems nest, each level of them by two or three elements. */
const depthMax = 100;

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  readonly line: number;
  /** Those without a prefix. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly parent: XmlElement | null;
  readonly children: XmlElement[];
  text: string;
}

/** The root element, a SpaceSystem. Throws `XtceFault` with the line. */
export function readXtceXml(text: string): XmlElement {
  if (text.length > charactersMax) throw invalidXtce(null, `has more than ${charactersMax} characters`);
  if (text.includes("\uFFFD")) throw invalidXtce(null, "is not UTF-8");
  const parser = new SaxesParser({ xmlns: true, position: true });
  const fail = (fault: string): never => {
    throw invalidXtce(parser.line, fault);
  };
  let root: XmlElement | null = null;
  let open: XmlElement | null = null;
  let depth = 0;
  let elements = 0;
  let line = 1;
  parser.on("error", (error) => fail(`is not XML: ${error.message.replace(/^\d+:\d+: /, "")}`));
  parser.on("doctype", () => fail("has a DOCTYPE: what it declares, entities above all, is not read"));
  parser.on("opentagstart", () => {
    line = parser.line;
  });
  parser.on("opentag", (tag) => {
    elements += 1;
    depth += 1;
    if (elements > elementsMax) fail(`has more than ${elementsMax} elements`);
    if (depth > depthMax) fail(`nests elements more than ${depthMax} deep`);
    if (!namespaces.includes(tag.uri) && !isAncillary(open)) fail(namespaceFault(tag));
    const element: XmlElement = {
      name: tag.local,
      line,
      attributes: plainAttributes(tag),
      parent: open,
      children: [],
      text: "",
    };
    open?.children.push(element);
    root ??= element;
    open = element;
  });
  const addText = (more: string): void => {
    if (open !== null) open.text += more;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    depth -= 1;
    open = open?.parent ?? null;
  });
  parser.write(text).close();
  return rootOf(root);
}

function rootOf(root: XmlElement | null): XmlElement {
  if (root === null) throw invalidXtce(1, "is empty");
  if (root.name !== "SpaceSystem") throw invalidXtce(root, "is not a SpaceSystem");
  return root;
}

/** AncillaryData may hold anybody's XML; nobody looks into it. */
function isAncillary(element: XmlElement | null): boolean {
  for (let at = element; at !== null; at = at.parent) if (at.name === "AncillaryData") return true;
  return false;
}

function namespaceFault({ local, uri }: SaxesTagNS): string {
  if (uri === "http://www.w3.org/2001/XInclude") return "includes another file: put them together before";
  return `has the element ${local} of the namespace "${uri}": XTCE's are ${namespaces.join(" and ")}`;
}

function plainAttributes(tag: SaxesTagNS): ReadonlyMap<string, string> {
  const plain = Object.values(tag.attributes).filter(({ prefix }) => prefix === "");
  return new Map(plain.map(({ local, value }) => [local, value]));
}

/** `SpaceSystem[BogusSAT]/TelemetryMetaData/ContainerSet/SequenceContainer[HK]`. */
export function pathOf(element: XmlElement): string {
  const name = element.attributes.get("name");
  const own = name === undefined ? element.name : `${element.name}[${name}]`;
  return element.parent === null ? own : `${pathOf(element.parent)}/${own}`;
}

export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

export function attributeOf(element: XmlElement, name: string): string {
  const value = element.attributes.get(name);
  if (value === undefined || value === "") throw invalidXtce(element, `needs the attribute ${name}`);
  return value;
}

export function numberOf(element: XmlElement, name: string, or?: number): number {
  const text = or === undefined ? attributeOf(element, name) : element.attributes.get(name);
  return text === undefined ? (or ?? 0) : numberIn(element, text, name);
}

/** Decimal, or hexadecimal with `0x`. */
export function numberIn(element: XmlElement, text: string, what: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw invalidXtce(element, `${what} is "${text.slice(0, 40)}", not a number`);
  return value;
}

export function wholeIn(element: XmlElement, text: string, what: string): number {
  const value = numberIn(element, text, what);
  if (!Number.isSafeInteger(value)) throw invalidXtce(element, `${what} is "${text.slice(0, 40)}", not a whole number`);
  return value;
}

/** A size in bits: 1 to 65,536 octets. */
export function sizeIn(element: XmlElement, text: string, what: string): number {
  const value = wholeIn(element, text, what);
  if (value < 1 || value > 524_288) throw invalidXtce(element, `${what} is ${value}: 1 to 524288 bits are possible`);
  return value;
}
