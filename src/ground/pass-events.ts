/** Tells who listens that a pass moved: at once, then at most four times a second for each pass, the newest news last. */
import type { PassId, PassState } from "../model/pass.ts";

export interface PassChange {
  readonly passId: PassId;
  readonly ship: string;
  readonly state: PassState;
}

const spacingMs = 250;

export class PassEvents {
  readonly #hearers = new Set<(change: PassChange) => void>();
  /** Told within the last 250 ms; what came since waits in `next`. Bounded by the passes that move. */
  readonly #recent = new Map<PassId, { next: PassChange | null; timer: ReturnType<typeof setTimeout> }>();

  get isHeard(): boolean {
    return this.#hearers.size > 0;
  }

  on(hear: (change: PassChange) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  changed(change: PassChange): void {
    if (!this.isHeard) return;
    const recent = this.#recent.get(change.passId);
    if (recent !== undefined) recent.next = change;
    else this.#tell(change);
  }

  stop(): void {
    for (const { timer } of this.#recent.values()) clearTimeout(timer);
    this.#recent.clear();
    this.#hearers.clear();
  }

  #tell(change: PassChange): void {
    for (const hear of this.#hearers) hear(change);
    const timer = setTimeout(() => {
      const waiting = this.#recent.get(change.passId)?.next ?? null;
      this.#recent.delete(change.passId);
      if (waiting !== null) this.#tell(waiting);
    }, spacingMs);
    this.#recent.set(change.passId, { next: null, timer });
  }
}
