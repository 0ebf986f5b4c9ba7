/** Lets at most so many in at a time; the others wait in order, up to a bound and a deadline. */
import { SqlError } from "./sql.ts";

export class Turnstile {
  readonly #waiting: { enter: () => void }[] = [];
  readonly #insideMax: number;
  readonly #waitingMax: number;
  #inside = 0;

  constructor(insideMax: number, waitingMax: number) {
    this.#insideMax = insideMax;
    this.#waitingMax = waitingMax;
  }

  /** Resolves with the way out, to be called once. */
  enter(deadlineMs: number): Promise<() => void> {
    if (this.#inside < this.#insideMax) {
      this.#inside += 1;
      return Promise.resolve(this.#leave);
    }
    if (this.#waiting.length >= this.#waitingMax) {
      return Promise.reject(
        new SqlError("unavailable", null, `Already ${this.#waitingMax} transactions wait for a connection`),
      );
    }
    return new Promise((resolve, reject) => {
      const waiter = {
        enter: () => {
          clearTimeout(timer);
          resolve(this.#leave);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new SqlError("unavailable", null, `No database connection was free within ${deadlineMs} ms`));
      }, deadlineMs);
      this.#waiting.push(waiter);
    });
  }

  readonly #leave = (): void => {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next.enter();
  };
}
