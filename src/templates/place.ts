/** A value in a YAML source together with the keys that lead to it: asked for as what it should be, and refused in its place. */
import { durationRule, secondsOf } from "./duration.ts";
import type { Keys, YamlSource } from "./yaml-source.ts";

export class Place {
  readonly value: unknown;
  readonly keys: Keys;
  readonly #yaml: YamlSource;

  constructor(yaml: YamlSource, value: unknown, keys: Keys) {
    this.#yaml = yaml;
    this.value = value ?? undefined;
    this.keys = keys;
  }

  get isThere(): boolean {
    return this.value !== undefined;
  }

  get isList(): boolean {
    return Array.isArray(this.value);
  }

  get isMapping(): boolean {
    return typeof this.value === "object" && !this.isList && this.value !== undefined;
  }

  error(message: string): Error {
    return this.#yaml.error(this.keys, message);
  }

  /** The first of several spellings that is there; a place for the first one if none is. */
  at(...names: [string, ...string[]]): Place {
    const here = this.isMapping ? (this.value as Record<string, unknown>) : {}; // a mapping of YAML
    const name = names.find((one) => Object.hasOwn(here, one)) ?? names[0];
    return new Place(this.#yaml, Object.hasOwn(here, name) ? here[name] : undefined, [...this.keys, name]);
  }

  mapping(): Place {
    if (this.isMapping) return this;
    throw this.#wrong("a mapping");
  }

  entries(): [string, Place][] {
    return Object.entries(this.mapping().value as Record<string, unknown>).map(([key, value]) => [
      key,
      new Place(this.#yaml, value, [...this.keys, key]),
    ]);
  }

  list(): Place[] {
    if (!Array.isArray(this.value)) throw this.#wrong("a list");
    return this.value.map((item, i) => new Place(this.#yaml, item, [...this.keys, i]));
  }

  text(): string {
    if (typeof this.value === "string" && this.value !== "") return this.value;
    throw this.#wrong("text");
  }

  textOr<Other>(other: Other): string | Other {
    return this.isThere ? this.text() : other;
  }

  /** Numbers and yes and no as they are written. */
  scalarText(): string {
    if (["string", "number", "boolean"].includes(typeof this.value)) return String(this.value);
    if (!this.isThere) return "";
    throw this.#wrong("text");
  }

  booleanOr(other: boolean): boolean {
    if (!this.isThere) return other;
    if (typeof this.value === "boolean") return this.value;
    throw this.#wrong("true or false");
  }

  countOr<Other>(other: Other): number | Other {
    if (!this.isThere) return other;
    if (typeof this.value === "number" && Number.isInteger(this.value) && this.value >= 0 && this.value <= 10_000_000)
      return this.value;
    throw this.#wrong("a whole number");
  }

  duration(): number {
    const seconds = secondsOf(this.value);
    if (seconds !== null) return seconds;
    throw this.isThere ? this.error(`cannot use ${this.keys.join(".")}: ${durationRule}`) : this.#wrong("a duration");
  }

  #wrong(needed: string): Error {
    return this.isThere
      ? this.error(`cannot use ${this.keys.join(".")}: ${needed} is needed`)
      : this.error(`missing key "${this.keys.at(-1)}": ${needed} is needed`);
  }
}
