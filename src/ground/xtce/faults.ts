/** What can be wrong with an XTCE file, and what of it can be done without: by line and by path of the element. */
import { pathOf, type XmlElement } from "./xml.ts";

/** What the whole file is refused for. `parseXtce` tells it to the caller with the file's name. */
export class XtceFault extends Error {
  override readonly name = "XtceFault";
}

/** `at`: the element, or a line of text that is no element yet, or null. */
export function invalidXtce(at: XmlElement | number | null, fault: string): XtceFault {
  const where = at === null ? "it" : typeof at === "number" ? `line ${at}: it` : `line ${at.line}: ${pathOf(at)}`;
  return new XtceFault(`${where} ${fault}`);
}

/** Thrown for what our definitions have no word for; whoever can do without the thing takes it down as left out. */
export class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
  readonly element: XmlElement;
  constructor(element: XmlElement, reason: string) {
    super(reason);
    this.element = element;
  }
}

export interface LeftOut {
  /** Of the first one. */
  readonly line: number;
  readonly path: string;
  readonly reason: string;
  /** How many elements are left out for the same reason. */
  readonly count: number;
}

/** Past it, reasons are no longer told apart by their texts but only counted. */
const reasonsMax = 1000;

export class LeftOuts {
  readonly #byReason = new Map<string, { readonly element: XmlElement; readonly seen: Set<XmlElement> }>();

  /** The same element is counted once, however many packets it is in. */
  add(element: XmlElement, reason: string): void {
    const key = this.#byReason.size < reasonsMax ? reason : "is left out as well";
    const known = this.#byReason.get(key);
    if (known === undefined) this.#byReason.set(key, { element, seen: new Set([element]) });
    else known.seen.add(element);
  }

  list(): LeftOut[] {
    return [...this.#byReason]
      .map(([reason, { element, seen }]) => ({ line: element.line, path: pathOf(element), reason, count: seen.size }))
      .sort((a, b) => a.line - b.line);
  }
}
