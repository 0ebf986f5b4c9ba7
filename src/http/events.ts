/** `GET /api/event`: what is committed, as it is committed, as server-sent events. No token: whoever may read a plan may see it move. */
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { Connections } from "./connections.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";
import { createLive, eventTypes, type LiveFilter } from "./live.ts";
import type { AppParts } from "./parts.ts";
import { eventStreamAnswer } from "./sse-body.ts";

/** A stream costs a socket and up to 1,000 waiting events; past this many a node says 503. */
const bounds = { max: 1000, everyMs: 15_000 };

type EventParts = Pick<AppParts, "supervisor" | "database" | "ground" | "alarms" | "clock" | "metrics" | "closing">;

export function eventRoutes(parts: EventParts): Hono {
  const { supervisor, database, clock, metrics, closing } = parts;
  const monotonicMs = (): number => clock.monotonicMs();
  const live = createLive({
    supervisor,
    database,
    passes: parts.ground,
    alarms: parts.alarms,
    runId: randomUUID(),
    monotonicMs,
  });
  const streams = new Connections<EventStream>(bounds, closing, (stream) => stream.heartbeat());
  metrics.sampled(metrics.streams.open, () => streams.size);
  closing.addEventListener("abort", () => live.stop(), { once: true });

  const routes = new Hono();
  routes.get("/api/event", (c) => {
    const filter = filterOf(new URL(c.req.url).searchParams);
    streams.requireRoom();
    let unsubscribe = (): void => {};
    const onClosed = (): void => {
      streams.delete(stream);
      unsubscribe();
    };
    const stream = openEventStream(onClosed, () => metrics.streams.dropped.inc());
    streams.add(stream);
    const idOf = (sequence: number): string => `${live.runId}.${sequence}`;
    resume(c.req.header("Last-Event-ID"), filter, stream);
    unsubscribe = live.subscribe(filter, (event, sequence) => stream.push(event, idOf(sequence)));
    return eventStreamAnswer(stream.body);
  });

  /** Best effort: what this node still remembers is sent again, else the listener is told that it missed something. */
  function resume(lastEventId: string | undefined, filter: LiveFilter, stream: EventStream): void {
    if (lastEventId === undefined || lastEventId === "") return;
    const [runId, sequence] = lastEventId.split(".");
    const after = runId === live.runId ? live.since(Number(sequence), filter) : null;
    if (after === null) stream.missed();
    for (const { event, sequence: at } of after ?? []) stream.push(event, `${live.runId}.${at}`);
  }
  return routes;
}

function filterOf(query: URLSearchParams): LiveFilter {
  return { datasetId: idIn(query, "dataset"), passId: idIn(query, "pass"), types: typesIn(query) };
}

function idIn(query: URLSearchParams, name: string): string | null {
  const given = query.get(name);
  if (given === null) return null;
  const id = parseUuid(given);
  if (id === null) throw new InvalidRequestError(`${name}: "${given}" is not a uuid`, name);
  return id;
}

/** `type=pass`, `type=plan,pass`; absent: every kind. */
function typesIn(query: URLSearchParams): LiveFilter["types"] {
  const given = query.get("type");
  if (given === null) return null;
  const wanted = given.split(",");
  const types = eventTypes.filter((type) => wanted.includes(type));
  if (types.length === wanted.length) return types;
  throw new InvalidRequestError(`type: "${given}" names another kind than ${eventTypes.join(" or ")}`, "type");
}
