/** A job under a limit has ended: what waits for it, here or elsewhere, may go on. All that end within one tick are looked at together. */
import type { LeasedJob } from "../store/jobs.ts";
import type { Claims } from "./claims.ts";

export class RoomMaker {
  readonly #claims: Pick<Claims, "freed">;
  readonly #onRoom: () => void;
  #ended: LeasedJob[] = [];

  constructor(claims: Pick<Claims, "freed">, onRoom: () => void) {
    this.#claims = claims;
    this.#onRoom = onRoom;
  }

  ended(job: LeasedJob): void {
    if (this.#ended.push(job) === 1) queueMicrotask(() => void this.#make());
  }

  async #make(): Promise<void> {
    const ended = this.#ended;
    this.#ended = [];
    await this.#claims.freed(ended).catch(() => undefined); // the poll sees to it
    this.#onRoom();
  }
}
