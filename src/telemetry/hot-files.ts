/**
 * How much one ship has in segment files, which of these are archived and may go, and what the ones that went had held. For one
 * process. Beside a segment that may go lies an empty file `<segment>.until-<ms since 1970>`; `gone.json` counts what went.
 */
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HotStoreFullError, type TelemetryCount } from "./telemetry.ts";

const markPattern = /^(.*\.seg)\.until-(\d+)$/;
/** Until room is needed. */
const neverMs = 9_999_999_999_999;

type TotalsOf = (name: string) => Promise<TelemetryCount>;

interface Gone extends TelemetryCount {
  /** The one that was counted last: it may still have to be removed. */
  readonly last: string | null;
}

export class HotFiles {
  readonly ship: string;
  readonly #folder: string;
  /** What a file holds that is about to go. */
  readonly #totalsOf: TotalsOf;
  readonly #archivedUntilMs = new Map<string, number>();
  #bytes = 0;
  #gone: Gone = { packets: 0, bytes: 0, last: null };
  /** Files go one after the other. */
  #making: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, ship: string, totalsOf: TotalsOf) {
    this.#folder = folder;
    this.ship = ship;
    this.#totalsOf = totalsOf;
  }

  /** Looks at the folder once. Ends what a stopped process had begun to remove. */
  static async open(directory: string, ship: string, totalsOf: TotalsOf): Promise<HotFiles> {
    const hot = new HotFiles(join(directory, ship), ship, totalsOf);
    const text = await readFile(join(hot.#folder, "gone.json"), "utf8").catch(() => null); // nothing went yet
    if (text !== null) hot.#gone = JSON.parse(text) as Gone; // written by us
    if (hot.#gone.last !== null) await rm(join(hot.#folder, hot.#gone.last), { force: true });
    const names = await readdir(hot.#folder).catch(() => []); // nothing received yet
    const there = new Set(names);
    for (const name of names) {
      const [, segment = "", untilMs] = markPattern.exec(name) ?? [];
      if (untilMs !== undefined && there.has(segment)) hot.#archivedUntilMs.set(segment, Number(untilMs));
      else if (untilMs !== undefined) await rm(join(hot.#folder, name), { force: true });
      else if (name.endsWith(".seg")) hot.#bytes += (await stat(join(hot.#folder, name))).size;
    }
    return hot;
  }

  /** Of the files that are gone. */
  get gone(): TelemetryCount {
    return this.#gone;
  }

  /** Takes room for so many octets, letting archived files go for it, the oldest first. Throws `HotStoreFullError`. */
  async take(octets: number, max: number): Promise<void> {
    while (this.#bytes + octets > max) {
      if (this.#archivedUntilMs.size === 0) throw new HotStoreFullError(this.ship, this.#bytes, max);
      await this.trim(max - octets);
    }
    // Seen and taken without a pause between: two writers never take the same room.
    this.#bytes += octets;
  }

  giveBack(octets: number): void {
    this.#bytes -= octets;
  }

  async archived(name: string, keptMs: number | null): Promise<void> {
    const untilMs = keptMs === null ? neverMs : Date.now() + Math.ceil(keptMs);
    await writeFile(join(this.#folder, `${name}.until-${untilMs}`), "");
    const before = this.#archivedUntilMs.get(name);
    if (before !== undefined && before !== untilMs) await this.#removeMark(name, before);
    this.#archivedUntilMs.set(name, untilMs);
  }

  /** Returns the octets that are left. */
  trim(bytesMax: number | null): Promise<number> {
    return this.#oneByOne(async () => {
      const nowMs = Date.now();
      for (const [name, untilMs] of [...this.#archivedUntilMs].sort()) {
        const isTooMuch = bytesMax !== null && this.#bytes > bytesMax;
        if (untilMs <= nowMs || isTooMuch) await this.#letGo(name);
      }
      return this.#bytes;
    });
  }

  drop(name: string): Promise<void> {
    return this.#oneByOne(() => this.#letGo(name));
  }

  #oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#making.then(work);
    this.#making = run.catch(() => {}); // the caller hears of it
    return run;
  }

  /** Counted first: stopped in the middle, the next start removes it. */
  async #letGo(name: string): Promise<void> {
    const untilMs = this.#archivedUntilMs.get(name);
    this.#archivedUntilMs.delete(name);
    const path = join(this.#folder, name);
    const found = await stat(path).catch(() => null); // gone already
    if (found === null) return;
    const { packets, bytes } = await this.#totalsOf(name);
    const gone = { packets: this.#gone.packets + packets, bytes: this.#gone.bytes + bytes, last: name };
    const draft = join(this.#folder, "gone.json.part");
    await writeFile(draft, JSON.stringify(gone));
    await rename(draft, join(this.#folder, "gone.json"));
    this.#gone = gone;
    await rm(path);
    this.#bytes -= found.size;
    if (untilMs !== undefined) await this.#removeMark(name, untilMs);
  }

  #removeMark(name: string, untilMs: number): Promise<void> {
    return rm(join(this.#folder, `${name}.until-${untilMs}`), { force: true });
  }
}
