/**
 * The values of parameters as they change, for those who look: the newest ones are looked at four times a second, and what
 * changed is told. So a listener costs the same at any packet rate, and nothing is done while nobody looks.
 */
import type { LatestValue } from "../ground/latest.ts";
import type { Log } from "../observe/log.ts";
import { latestValues, type ValueSources } from "./latest-values.ts";

const lookEveryMs = 250;
/** Passes of other nodes are stored every 5 seconds: looking there once a second is enough. */
const looksPerStoredLook = 4;

type Values = Readonly<Record<string, LatestValue>>;
const noValues: ReadonlyMap<string, LatestValue> = new Map();
type Hear = (changed: Values) => void;

export interface LiveValues {
  /** Calls `hear` with what changes from now on. Call the answer to stop. */
  subscribe(ship: string, hear: Hear): () => void;
  /** The newest values that listeners were told of: none before the first one of a ship, who hears of all as changed. */
  valuesOf(ship: string): ReadonlyMap<string, LatestValue>;
  stop(): void;
}

interface WatchedShip {
  readonly listeners: Set<Hear>;
  /** By parameter, what was told last. */
  readonly told: Map<string, LatestValue>;
}

export function createLiveValues(sources: ValueSources & { readonly log: Log }): LiveValues {
  const ships = new Map<string, WatchedShip>();
  let timer: ReturnType<typeof setInterval> | null = null;
  let looks = 0;
  let isLookingInStore = false;

  function tell(ship: string, values: Values): void {
    const watched = ships.get(ship);
    if (watched === undefined) return;
    const changed: Record<string, LatestValue> = {};
    for (const [name, value] of Object.entries(values)) {
      const before = watched.told.get(name);
      if (before !== undefined && !isNewer(value, before)) continue;
      watched.told.set(name, value);
      changed[name] = value;
    }
    if (Object.keys(changed).length === 0) return;
    for (const hear of watched.listeners) hear(changed);
  }

  async function lookInStore(): Promise<void> {
    if (isLookingInStore) return;
    isLookingInStore = true;
    try {
      for (const ship of [...ships.keys()]) tell(ship, await latestValues(sources, ship));
    } catch (error) {
      sources.log.debug({ err: error }, "live values: the store was not asked, only passes held here are told of");
    } finally {
      isLookingInStore = false;
    }
  }

  function look(): void {
    for (const ship of ships.keys()) for (const values of sources.ground.liveValues(ship)) tell(ship, values);
    looks += 1;
    if (looks % looksPerStoredLook === 0) void lookInStore();
  }

  return {
    subscribe(ship, hear) {
      const watched = ships.get(ship) ?? { listeners: new Set<Hear>(), told: new Map<string, LatestValue>() };
      const isNew = !ships.has(ship);
      ships.set(ship, watched);
      watched.listeners.add(hear);
      timer ??= setInterval(look, lookEveryMs);
      if (isNew) void lookInStore();
      return () => {
        watched.listeners.delete(hear);
        if (watched.listeners.size === 0 && ships.get(ship) === watched) ships.delete(ship);
        if (ships.size > 0 || timer === null) return;
        clearInterval(timer);
        timer = null;
      };
    },
    valuesOf: (ship) => ships.get(ship)?.told ?? noValues,
    stop() {
      ships.clear();
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
  };
}

/** Of two packets of one millisecond the later one may say another thing. */
function isNewer(value: LatestValue, before: LatestValue): boolean {
  return value.at > before.at || (value.at === before.at && value.value !== before.value);
}
