/**
 * The sockets of Open MCT: text `subscribe ID` and `unsubscribe ID` come in, one datum a message goes out. To a slow page the
 * newest value of each point is sent when it has room again, and never a queue of old ones.
 */
import type { LatestValue } from "../ground/latest.ts";
import { OrreryError } from "../model/errors.ts";
import { Connections } from "./connections.ts";
import { enumerationOf, parameterOf } from "./dictionary.ts";
import { knownShip } from "./known-ship.ts";
import type { LiveValues } from "./live-values.ts";
import { type Datum, datumOf, readPointId } from "./openmct-points.ts";
import type { AppParts } from "./parts.ts";
import type { Socket, SocketListener } from "./sockets.ts";

/** A socket that had no room is tried again so often. */
const bounds = { max: 1000, everyMs: 250 };
const pointsMax = 2000;
/** Messages of one socket that wait for the store; whoever sends faster than it answers is cut off. */
const messagesMax = 4096;
/** Beyond this the other side does not keep up. */
const waitingBytesMax = 64 * 1024;

interface Subscription {
  readonly id: string;
  readonly parameter: string;
  readonly isEnum: boolean;
}

export interface OpenmctSockets {
  readonly hasRoom: boolean;
  listener(): SocketListener;
}

export function openmctSockets(
  { database, closing }: Pick<AppParts, "database" | "closing">,
  live: LiveValues,
): OpenmctSockets {
  const connections = new Connections<Connection>(bounds, closing, (connection) => connection.flush());

  async function find(id: string): Promise<{ ship: string; subscription: Subscription }> {
    const point = readPointId(id);
    const ship = await knownShip(database.sql, point.ship);
    const { field } = parameterOf(ship, point.parameter);
    return { ship: ship.ship, subscription: { id, parameter: field.name, isEnum: enumerationOf(field) !== null } };
  }

  return {
    get hasRoom() {
      return connections.hasRoom;
    },
    listener() {
      const connection = new Connection(find, live);
      return {
        opened(socket) {
          connections.add(connection);
          connection.opened(socket);
        },
        said: (text) => connection.said(text),
        closed() {
          connections.delete(connection);
          connection.closed();
        },
      };
    },
  };
}

type Find = (id: string) => Promise<{ ship: string; subscription: Subscription }>;

/** The points of one ship, by parameter. */
interface Listened {
  readonly points: Map<string, Subscription>;
  readonly stop: () => void;
}

class Connection {
  readonly #find: Find;
  readonly #live: LiveValues;
  #socket: Socket | null = null;
  readonly #ships = new Map<string, Listened>();
  readonly #pending = new Map<string, Datum>();
  #points = 0;
  #messages: Promise<void> = Promise.resolve();
  #messagesWaiting = 0;

  constructor(find: Find, live: LiveValues) {
    this.#find = find;
    this.#live = live;
  }

  opened(socket: Socket): void {
    this.#socket = socket;
  }

  /** In order, as an unsubscribe may follow its subscribe at once. */
  said(text: string): void {
    if (this.#messagesWaiting >= messagesMax) {
      this.#socket?.close(1008, "too many messages at once");
      return;
    }
    this.#messagesWaiting += 1;
    this.#messages = this.#messages.then(async () => {
      this.#messagesWaiting -= 1;
      if (this.#socket === null) return;
      try {
        await this.#obey(text);
      } catch (error) {
        this.#refuse(error instanceof OrreryError ? error.message : "The store does not answer: try again shortly");
      }
    });
  }

  flush(): void {
    for (const [id, datum] of this.#pending) {
      if (this.#socket === null || this.#socket.waitingBytes > waitingBytesMax) return;
      this.#pending.delete(id);
      this.#socket.send(JSON.stringify(datum));
    }
  }

  close(): void {
    this.#socket?.close(1001, "the node stops");
  }

  closed(): void {
    this.#socket = null;
    for (const { stop } of this.#ships.values()) stop();
    this.#ships.clear();
    this.#pending.clear();
  }

  async #obey(text: string): Promise<void> {
    const [, verb, id = ""] = /^(subscribe|unsubscribe) (\S+)$/.exec(text) ?? [];
    if (verb === undefined)
      return this.#refuse("Cannot understand the message: subscribe ID or unsubscribe ID is needed");
    if (verb === "unsubscribe") return this.#unsubscribe(id);
    if (this.#points >= pointsMax)
      return this.#refuse(`Cannot subscribe to ${id} as ${pointsMax} points are subscribed to`);
    const { ship, subscription } = await this.#find(id);
    if (this.#socket === null) return;
    const { points } = this.#ships.get(ship) ?? this.#listenTo(ship);
    if (points.has(subscription.parameter)) return;
    points.set(subscription.parameter, subscription);
    this.#points += 1;
    const latest = this.#live.valuesOf(ship).get(subscription.parameter);
    if (latest !== undefined) this.#hear(points, { [subscription.parameter]: latest });
  }

  #listenTo(ship: string): Listened {
    const points = new Map<string, Subscription>();
    const listened = { points, stop: this.#live.subscribe(ship, (changed) => this.#hear(points, changed)) };
    this.#ships.set(ship, listened);
    return listened;
  }

  #unsubscribe(id: string): void {
    const { ship, parameter } = readPointId(id);
    const known = this.#ships.get(ship);
    if (known?.points.delete(parameter) !== true) return;
    this.#points -= 1;
    this.#pending.delete(id);
    if (known.points.size > 0) return;
    known.stop();
    this.#ships.delete(ship);
  }

  #hear(points: ReadonlyMap<string, Subscription>, changed: Readonly<Record<string, LatestValue>>): void {
    for (const [name, latest] of Object.entries(changed)) {
      const subscription = points.get(name);
      if (subscription === undefined) continue;
      const datum = datumOf(subscription.id, latest, subscription.isEnum);
      if (datum !== null) this.#pending.set(subscription.id, datum);
    }
    this.flush();
  }

  /** Not to one who does not read: errors would queue up where values do not. */
  #refuse(error: string): void {
    if (this.#socket !== null && this.#socket.waitingBytes <= waitingBytesMax)
      this.#socket.send(JSON.stringify({ error }));
  }
}
