/**
 * One listener's stream of what happens. While it does not read, what happens to the same plan, pass or alarm
 * is folded into one event; past 1,000 different ones the oldest is dropped, and `missed` says so.
 */
import { shownAlarm } from "../model/alarm.ts";
import type { LiveEvent, PlanEvent } from "./live.ts";
import { openSseBody } from "./sse-body.ts";

const pendingMax = 1000;
/** Of one folded event; more, and the products are not named any more. */
const productsNamedMax = 1000;

export interface EventStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  push(event: LiveEvent, id: string): void;
  /** Tells the listener that events are lost to it: it reads again what it shows. */
  missed(): void;
  /** A comment, so that nobody in between takes the silence for death. */
  heartbeat(): void;
  close(): void;
}

export function openEventStream(onClosed: () => void, onDropped: () => void = () => {}): EventStream {
  const pending = new Map<string, { event: LiveEvent; id: string }>();
  let isMissed = false;
  let isIdle = true;

  function take(): string {
    let text = isIdle ? "" : ": here\n\n";
    isIdle = true;
    if (isMissed) text += "event: missed\ndata: {}\n\n";
    isMissed = false;
    for (const { event, id } of pending.values()) text += textOf(event, id);
    pending.clear();
    return text;
  }

  const { body, flush, close } = openSseBody({ take, onClosed });

  return {
    body,
    push(event, id) {
      const key = keyOf(event);
      const waiting = pending.get(key);
      pending.delete(key); // what was folded is as new as its newest part
      pending.set(key, { event: waiting === undefined ? event : folded(waiting.event, event), id });
      if (pending.size > pendingMax) {
        for (const oldest of pending.keys()) {
          pending.delete(oldest);
          break;
        }
        isMissed = true;
        onDropped();
      }
      flush();
    },
    missed() {
      isMissed = true;
      flush();
    },
    heartbeat() {
      isIdle = false;
      flush();
    },
    close,
  };
}

/** What folds together: a plan's changes, a pass's, an alarm's. */
function keyOf(event: LiveEvent): string {
  switch (event.type) {
    case "plan":
      return event.datasetId;
    case "pass":
      return event.passId;
    case "alarm":
      return event.alarmId;
    default:
      return event satisfies never;
  }
}

function folded(before: LiveEvent, event: LiveEvent): LiveEvent {
  if (before.type !== "plan" || event.type !== "plan") return event;
  return { ...event, redefined: before.redefined || event.redefined, products: both(before, event) };
}

function both(before: PlanEvent, event: PlanEvent): PlanEvent["products"] {
  if (before.products === null || event.products === null) return null;
  if (before.products.size + event.products.size > productsNamedMax) return null;
  return new Map([...before.products, ...event.products]);
}

/** As it goes over the wire. */
function textOf(event: LiveEvent, id: string): string {
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(dataOf(event))}\n\n`;
}

function dataOf(event: LiveEvent): object {
  switch (event.type) {
    case "plan":
      return {
        dataset_id: event.datasetId,
        revision: event.revision,
        at: event.at,
        service: event.service,
        cause: event.cause,
        redefined: event.redefined,
        products:
          event.products === null ? null : [...event.products].map(([productId, state]) => ({ id: productId, state })),
      };
    case "pass":
      return { pass_id: event.passId, ship: event.ship, state: event.state };
    case "alarm":
      return { event: event.event, ...shownAlarm(event), detail: JSON.parse(event.detail) };
    default:
      return event satisfies never;
  }
}
