/**
 * What happens now, for those who look: committed turns and passes, from this node and from others, to any number of listeners.
 * Costs nothing while nobody looks: nodes forward a hint only for what another node has said, in the last half minute, that it watches.
 */
import type { AlarmRow } from "../model/alarm.ts";
import type { Instant } from "../model/clock.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { PassId, PassState } from "../model/pass.ts";
import type { ProductState } from "../model/plan.ts";
import type { Database } from "../store/sql.ts";
import type { Committed, Supervisor } from "../supervisor/supervisor.ts";
import { createWatch, type Watch } from "./live-watch.ts";

/** A plan moved. `products` null: which ones is not known (another node did it, or too many): read the plan. */
export interface PlanEvent {
  readonly type: "plan";
  readonly datasetId: DatasetId;
  readonly revision: number | null;
  readonly at: Instant | null;
  readonly service: string | null;
  readonly cause: string | null;
  /** Names, dependencies or the list of products may have changed, not only states. */
  readonly redefined: boolean;
  readonly products: ReadonlyMap<ProductId, ProductState> | null;
}

export interface PassEvent {
  readonly type: "pass";
  readonly passId: PassId;
  readonly ship: string | null;
  readonly state: PassState | null;
}

/** `event` says what happened to it. */
export interface AlarmChange extends AlarmRow {
  readonly type: "alarm";
}

export type LiveEvent = PlanEvent | PassEvent | AlarmChange;
export const eventTypes: readonly LiveEvent["type"][] = ["plan", "pass", "alarm"];

/** What a listener wants. All null: everything. */
export interface LiveFilter {
  readonly datasetId: DatasetId | null;
  readonly passId: PassId | null;
  /** Only these kinds of event. */
  readonly types: readonly LiveEvent["type"][] | null;
}

export interface Live {
  /** Calls `hear` for each event that the filter lets through; call the answer to stop. */
  subscribe(filter: LiveFilter, hear: (event: LiveEvent, sequence: number) => void): () => void;
  /** Events after `sequence` that are still remembered; null when some may have been missed. */
  since(sequence: number, filter: LiveFilter): { event: LiveEvent; sequence: number }[] | null;
  /** This run of this node: sequences of another run mean nothing here. */
  readonly runId: string;
  readonly listeners: number;
  stop(): void;
}

export interface LiveParts {
  readonly supervisor: Pick<Supervisor, "onCommitted">;
  readonly database: Pick<Database, "kind" | "notify" | "listen">;
  readonly passes: {
    onPassChanged(hear: (pass: { passId: PassId; ship: string; state: PassState }) => void): () => void;
  };
  readonly alarms: { onChanged(hear: (alarm: AlarmRow) => void): () => void };
  readonly runId: string;
  readonly monotonicMs: () => number;
}

/** Of a turn that touched more, the products are not named. */
const productsNamedMax = 1000;
const rememberedMax = 512;

const planChannel = "live_plan";
const passChannel = "live_pass";
/** Rare, so they are told in full, whoever listens. */
const alarmChannel = "live_alarm";

export function createLive(parts: LiveParts): Live {
  const { database, runId } = parts;
  const listeners = new Set<{ filter: LiveFilter; hear: (event: LiveEvent, sequence: number) => void }>();
  const remembered: { event: LiveEvent; sequence: number }[] = [];
  const watch: Watch | null = database.kind === "embedded" ? null : createWatch(parts, () => interestOf(listeners));
  const stops: (() => void)[] = [];
  let sequence = 0;
  let listensToNodes = false;

  function tell(event: LiveEvent): void {
    if (listeners.size === 0) return;
    sequence += 1;
    remembered.push({ event, sequence });
    if (remembered.length > rememberedMax) remembered.splice(0, rememberedMax / 2);
    for (const { filter, hear } of listeners) if (passesThrough(filter, event)) hear(event, sequence);
  }

  /** With the first listener: hints of other nodes are listened to from then on. */
  function listenToNodes(): void {
    if (listensToNodes || watch === null) return;
    listensToNodes = true;
    const hearHint = (channel: string, eventOf: (said: string) => LiveEvent): void => {
      const heard = database.listen(channel, (payload) => {
        // null, after a reconnect: nothing is known to have changed, but anything may have.
        if (payload === null) return forEachWatched(listeners, (event) => tell(event));
        const end = payload.indexOf(" ");
        if (payload.slice(0, end) !== runId) tell(eventOf(payload.slice(end + 1)));
      });
      stops.push(() => void heard.then((unlisten) => unlisten()).catch(() => undefined));
      heard.catch(() => {
        listensToNodes = false; // the next listener tries again
      });
    };
    hearHint(planChannel, unknownPlanEvent);
    hearHint(passChannel, unknownPassEvent);
    hearHint(alarmChannel, (said) => JSON.parse(said) as AlarmChange); // another node's, as below
  }

  stops.push(
    parts.supervisor.onCommitted((turn) => {
      if (watch?.isWatched("plan", turn.datasetId)) database.notify(planChannel, `${runId} ${turn.datasetId}`);
      if (listeners.size > 0) tell(planEventOf(turn));
    }),
    parts.passes.onPassChanged(({ passId, ship, state }) => {
      if (watch?.isWatched("pass", passId)) database.notify(passChannel, `${runId} ${passId}`);
      tell({ type: "pass", passId, ship, state });
    }),
    parts.alarms.onChanged((alarm) => {
      const event: AlarmChange = { type: "alarm", ...alarm };
      database.notify(alarmChannel, `${runId} ${JSON.stringify(event)}`);
      tell(event);
    }),
  );

  return {
    runId,
    get listeners() {
      return listeners.size;
    },
    subscribe(filter, hear) {
      const listener = { filter, hear };
      listeners.add(listener);
      listenToNodes();
      watch?.announce();
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        // Nothing is numbered while nobody listens, so nothing of before may be resumed from.
        remembered.length = 0;
        sequence += 1;
      };
    },
    since(after, filter) {
      const first = remembered[0]?.sequence ?? sequence + 1;
      if (after > sequence || after < first - 1) return null;
      return remembered.filter((entry) => entry.sequence > after && passesThrough(filter, entry.event));
    },
    stop() {
      for (const stop of stops) stop();
      watch?.stop();
      listeners.clear();
    },
  };
}

function passesThrough({ datasetId, passId, types }: LiveFilter, event: LiveEvent): boolean {
  if (types !== null && !types.includes(event.type)) return false;
  if (datasetId === null && passId === null) return true;
  const isOfPass = passId !== null && event.type !== "plan" && event.passId === passId;
  return isOfPass || (datasetId !== null && event.type !== "pass" && event.datasetId === datasetId);
}

function planEventOf(turn: Committed): PlanEvent {
  const named = turn.products.length <= productsNamedMax;
  return {
    type: "plan",
    datasetId: turn.datasetId,
    revision: turn.revision,
    at: turn.at,
    service: turn.service,
    cause: turn.cause,
    redefined: turn.dependencies.length > 0 || turn.cause === "plan.publish",
    products: named ? new Map(turn.products.map(({ productId, state }) => [productId, state])) : null,
  };
}

const unknownPlanEvent = (datasetId: DatasetId): PlanEvent => ({
  type: "plan",
  datasetId,
  revision: null,
  at: null,
  service: null,
  cause: null,
  redefined: true,
  products: null,
});

const unknownPassEvent = (passId: PassId): PassEvent => ({ type: "pass", passId, ship: null, state: null });

type Listeners = ReadonlySet<{ filter: LiveFilter }>;

/** What this node's listeners ask for: ids, and `*plan` or `*pass` for every one of a kind. */
function interestOf(listeners: Listeners): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const { filter } of listeners) {
    if (filter.datasetId !== null) wanted.add(filter.datasetId);
    if (filter.passId !== null) wanted.add(filter.passId);
    if (filter.datasetId !== null || filter.passId !== null) continue;
    for (const type of filter.types ?? eventTypes) wanted.add(`*${type}`);
  }
  return wanted;
}

function forEachWatched(listeners: Listeners, tell: (event: LiveEvent) => void): void {
  for (const id of new Set([...listeners].map(({ filter }) => filter.datasetId))) if (id) tell(unknownPlanEvent(id));
  for (const id of new Set([...listeners].map(({ filter }) => filter.passId))) if (id) tell(unknownPassEvent(id));
}
