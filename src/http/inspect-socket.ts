/**
 * `GET /inspect/ws`: a WebSocket that tells of actors and of each event that they take, as tools of XState read it. Nothing is
 * gathered while nobody is connected; to one that does not keep up a bounded number of messages waits, and the oldest are dropped.
 */
import { Hono } from "hono";
import type { WatchedPassStep } from "../ground/inspection.ts";
import { epochMsOf } from "../model/clock.ts";
import { InvalidRequestError } from "../model/errors.ts";
import type { Step } from "../observe/inspection.ts";
import type { WatchedTurn } from "../supervisor/inspection.ts";
import { Connections } from "./connections.ts";
import type { InspectAccess } from "./inspect-access.ts";
import {
  actorMessage,
  actorOfStep,
  actorsOfPass,
  actorsOfPlan,
  type KnownActor,
  missedMessage,
  type StepOrigin,
  stepMessages,
} from "./inspect-messages.ts";
import type { AppParts } from "./parts.ts";
import type { Bindings, Socket } from "./sockets.ts";

/** Each costs its copies of what happens; people who look are few. */
const bounds = { max: 20, everyMs: 250 };
/** Whether a listener still may is asked so often. */
const checkEveryMs = 15_000;
const queueMax = 2_000;
/** Beyond this the other side does not keep up. */
const waitingBytesMax = 256 * 1024;
/** Actors that are made known at once; others are with their first event. */
const greetedMax = 500;
const knownMax = 10_000;

type SocketParts = Pick<AppParts, "supervisor" | "ground" | "clock" | "closing" | "metrics">;

/** What a listener wants; null: everything. */
interface Wanted {
  /** A dataset's or a pass's id: it and what belongs to it. */
  readonly root: string | null;
  readonly hearsOfMissed: boolean;
}

export function inspectSocketRoutes(parts: SocketParts, access: InspectAccess): Hono {
  const open = new Connections<Listening>(bounds, parts.closing, (listening) => listening.see());
  const routes = new Hono();

  /** `?root=` a dataset or a pass; `?notices=1`: a page of ours. */
  routes.get("/inspect/ws", async (c) => {
    const check = await access.admit(c.req.raw);
    open.requireRoom();
    const wanted = { root: c.req.query("root") ?? null, hearsOfMissed: c.req.query("notices") === "1" };
    const listening = new Listening(parts, wanted, check);
    // Set by whoever serves; a request without a connection has none.
    const bindings = c.env as Partial<Bindings> | undefined;
    const answer = bindings?.upgrade?.(c.req.raw, {
      opened(socket) {
        open.add(listening);
        listening.begin(socket);
      },
      said() {}, // tools say nothing that matters here
      closed() {
        open.delete(listening);
        listening.end();
      },
    });
    if (answer == null) throw new InvalidRequestError("upgrade: a WebSocket is needed here");
    return answer;
  });
  return routes;
}

class Listening {
  readonly #parts: SocketParts;
  readonly #wanted: Wanted;
  readonly #check: () => Promise<void>;
  readonly #known = new Set<string>();
  #queue: string[] = [];
  #missed = 0;
  #socket: Socket | null = null;
  #stops: (() => void)[] = [];
  #checkedMs: number;

  constructor(parts: SocketParts, wanted: Wanted, check: () => Promise<void>) {
    this.#parts = parts;
    this.#wanted = wanted;
    this.#check = check;
    this.#checkedMs = parts.clock.monotonicMs();
  }

  begin(socket: Socket): void {
    const { supervisor, ground } = this.#parts;
    this.#socket = socket;
    this.#stops = [
      supervisor.inspection.watch((turn) => this.#hearTurn(turn)),
      ground.inspection.watch((step) => this.#hearPass(step)),
    ];
    this.#greet();
    this.#flush();
  }

  /** Called several times a second. */
  see(): void {
    this.#flush();
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#checkedMs < checkEveryMs) return;
    this.#checkedMs = nowMs;
    this.#check().catch(() => this.#socket?.close(1008, "its session, token or key is over"));
  }

  close(): void {
    this.#socket?.close(1001, "the node stops");
  }

  end(): void {
    this.#socket = null;
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#queue = [];
  }

  #greet(): void {
    const { supervisor, ground, clock } = this.#parts;
    const { root } = this.#wanted;
    const nowMs = epochMsOf(clock.now());
    const plans = root === null ? supervisor.inspection.residents() : [supervisor.inspection.resident(root)];
    const passes = root === null ? ground.inspection.residents() : [ground.inspection.resident(root)];
    for (const pass of passes) if (pass !== null) for (const actor of actorsOfPass(pass)) this.#makeKnown(actor, nowMs);
    for (const plan of plans) {
      if (plan === null) continue;
      for (const actor of actorsOfPlan(plan)) {
        if (this.#known.size >= greetedMax) return;
        this.#makeKnown(actor, nowMs);
      }
    }
  }

  #makeKnown(actor: KnownActor, atMs: number): void {
    // Forgetting costs a message the more, not memory.
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.add(actor.actorId);
    this.#say(actorMessage(actor, atMs));
  }

  #hearTurn({ datasetId, revision, service, cause, at, steps, stepsLeftOut }: WatchedTurn): void {
    const { root } = this.#wanted;
    if (root !== null && root !== datasetId) return;
    const atMs = epochMsOf(at);
    for (const step of steps) this.#tell(step, datasetId, { revision, service, cause }, atMs);
    this.#missed += stepsLeftOut;
    this.#flush();
  }

  #hearPass({ passId, atMs, step }: WatchedPassStep): void {
    const { root } = this.#wanted;
    if (root !== null && root !== passId) return;
    this.#tell(step, passId, { revision: null, service: null, cause: null }, atMs);
    this.#flush();
  }

  #tell(step: Step, rootId: string, origin: StepOrigin, atMs: number): void {
    if (!this.#known.has(step.actorId)) this.#makeKnown(actorOfStep(step, rootId), atMs);
    for (const message of stepMessages(step, rootId, origin, atMs)) this.#say(message);
  }

  #say(message: string): void {
    this.#queue.push(message);
    if (this.#queue.length > queueMax) this.#flush();
    if (this.#queue.length <= queueMax) return;
    // Half of them at once, as each removal moves the rest. What they made known is told again.
    this.#missed += this.#queue.splice(0, queueMax / 2).length;
    this.#known.clear();
    this.#parts.metrics.streams.dropped.inc(queueMax / 2);
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === null) return;
    let sent = 0;
    for (; sent < this.#queue.length && socket.waitingBytes <= waitingBytesMax; sent++)
      socket.send(this.#queue[sent] ?? "");
    if (sent > 0) this.#queue = this.#queue.slice(sent);
    if (this.#missed === 0 || this.#queue.length > 0) return;
    if (this.#wanted.hearsOfMissed) socket.send(missedMessage(this.#missed));
    this.#missed = 0;
  }
}
