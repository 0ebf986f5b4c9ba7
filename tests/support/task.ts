/** A task to run a compute on, with what a test wants changed. */
import type { Task } from "../../src/compute/compute.ts";

export function taskOf(changes: Partial<Task> = {}): Task {
  return {
    jobId: "018f3a52-0000-7000-8000-0000000000aa",
    queue: "products",
    jobType: "battery",
    attempt: 1,
    token: 1,
    dataset: { id: "018f3a52-0000-7000-8000-000000000001", extra: '{"ship":"AURORA-1"}' },
    product: { id: "018f3a52-0000-7000-8000-000000000010", name: "Battery health", version: "1.0.0" },
    payload: '{"limit":18446744073709551615}',
    parents: [
      { id: "018f3a52-0000-7000-8000-000000000011", name: "Decoded", version: "1", passback: '{"rows":3}' },
      { id: "018f3a52-0000-7000-8000-000000000012", name: "Raw", version: "1", passback: null },
    ],
    timeoutMs: null,
    url: "http://127.0.0.1:8080",
    onOutput: () => {},
    ...changes,
  };
}

/** A free-standing job's. */
export const freeTaskOf = (payload: string, changes: Partial<Task> = {}): Task =>
  taskOf({ dataset: null, product: null, parents: [], queue: "default", payload, ...changes });
