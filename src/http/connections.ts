/** What is open to listeners: so many at most, each seen to once in a while, all closed when the node stops. */
import { OverloadedError } from "../model/errors.ts";

export class Connections<Connection extends { close(): void }> {
  readonly #open = new Set<Connection>();
  readonly #max: number;
  readonly #closing: AbortSignal;

  constructor(bounds: { max: number; everyMs: number }, closing: AbortSignal, see: (connection: Connection) => void) {
    this.#max = bounds.max;
    this.#closing = closing;
    const timer = setInterval(() => {
      for (const connection of this.#open) see(connection);
    }, bounds.everyMs);
    const end = () => {
      clearInterval(timer);
      for (const connection of [...this.#open]) connection.close();
    };
    closing.addEventListener("abort", end, { once: true });
  }

  get size(): number {
    return this.#open.size;
  }

  get hasRoom(): boolean {
    return this.#open.size < this.#max && !this.#closing.aborted;
  }

  /** 503 when there is no room for one more. */
  requireRoom(): void {
    if (!this.hasRoom)
      throw new OverloadedError(`${this.#open.size} listeners are connected to this node: try again shortly`);
  }

  add(connection: Connection): void {
    this.#open.add(connection);
  }

  delete(connection: Connection): void {
    this.#open.delete(connection);
  }
}
