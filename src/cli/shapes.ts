/** What the API answers, as far as the commands read it. `/spec` is the whole of it. */

export interface Job {
  readonly id: string;
  readonly queue: string;
  readonly job_type: string;
  readonly state: string;
  readonly priority: number;
  readonly payload?: unknown;
  readonly run_at: string;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly timeout_s: number | null;
  readonly worker: string | null;
  readonly lease_until: string | null;
  readonly held_by: string | null;
  readonly dataset_id: string | null;
  readonly product_id: string | null;
  readonly concurrency_key: string | null;
  readonly requires: readonly string[];
  readonly replay_of: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly reason: string | null;
  readonly error: string | null;
  readonly result?: unknown;
  readonly redriven_as: string | null;
}

/** States from which nothing more happens. */
export const endedJobStates: readonly string[] = ["succeeded", "dead", "cancelled"];
export const jobStates = ["scheduled", "queued", "leased", "running", "backing-off", "succeeded", "dead", "cancelled"];

export interface Explained {
  readonly id?: string;
  readonly state: string;
  readonly summary: string;
  readonly next_run_at: string | null;
  readonly last_error: string | null;
  /** Of a job the limit that holds it; of a product its parents. */
  readonly blocked_by:
    | null
    | Readonly<Record<string, unknown>>
    | readonly { readonly id: string; readonly name: string; readonly state: string; readonly since: string | null }[];
  readonly suggested_action: string | null;
  readonly job_id?: string | null;
}

export interface TimelineEntry {
  readonly at: string;
  readonly kind: string;
  readonly title: string;
  readonly attempt?: number;
  readonly token?: number;
  readonly worker?: string | null;
  readonly outcome?: string | null;
  readonly code?: string | null;
  readonly error?: string | null;
  readonly latency_ms?: number | null;
  readonly output_tail?: string | null;
}

export interface JobMetrics {
  readonly queue: string | null;
  readonly window_s: number;
  readonly depth: number;
  readonly scheduled: number;
  readonly running: number;
  readonly held: number;
  readonly jobs_per_s: number;
  readonly success_rate: number | null;
  readonly retry_rate: number | null;
  readonly mean_latency_ms: number | null;
  readonly mean_wait_ms: number | null;
}

export interface FlowRow {
  readonly name: string;
  readonly description: string | null;
  readonly source: string;
  readonly state: string;
  readonly reason: string | null;
  readonly paused: boolean;
  readonly messages: { readonly done: number; readonly dead: number };
  readonly tasks: { readonly running: number; readonly waiting: number; readonly concurrency: number };
  readonly executor: {
    readonly kind: string;
    readonly attempts: number;
    readonly failed: number;
    readonly timed_out: number;
    readonly recent: {
      readonly attempts: number;
      readonly p50_ms: number;
      readonly p95_ms: number;
      readonly p99_ms: number;
      readonly max_ms: number;
    } | null;
    readonly outliers: {
      readonly count: number;
      readonly newest: readonly {
        readonly partition: string;
        readonly id: string;
        readonly attempt: number;
        readonly ran_ms: number;
        readonly usual_ms: number;
        readonly at: string;
      }[];
    };
    readonly processes: readonly {
      readonly pid: number | null;
      readonly state: string;
      readonly tasks: number;
      readonly busy_since: string | null;
    }[];
  };
  readonly partitions: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string | null;
    readonly held: number;
    readonly committed: number | null;
    readonly waiting: number | null;
  }[];
  readonly sinks: readonly {
    readonly name: string;
    readonly kind: string;
    readonly breaker: string;
    readonly queued: number;
    readonly delivered: number;
    readonly retried: number;
    readonly dead: number;
  }[];
}

export interface QueueRow {
  readonly name: string;
  readonly paused: boolean;
  readonly concurrency: number | null;
  readonly key_concurrency: number | null;
  readonly rate_per_s: number | null;
  readonly enqueue_per_s: number | null;
  readonly depth_max: number | null;
  readonly retries_per_min: number | null;
  readonly depth: number;
  readonly scheduled: number;
  readonly running: number;
  readonly held: number;
}

export interface WorkerRow {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly host: string;
  readonly version: string;
  readonly queues: readonly string[] | null;
  readonly labels: readonly string[];
  readonly slots: number;
  readonly held: number;
  readonly started_at: string;
  readonly seen_at: string;
  readonly draining: boolean;
  readonly state: string;
}

export interface Product {
  readonly id: string;
  readonly compute: string;
  readonly name: string;
  readonly version: string;
  readonly eager: boolean;
  readonly state: string;
  readonly link: string | null;
  readonly modified_by: string;
  readonly modified_date: string;
}

export interface Plan {
  readonly dataset: {
    readonly id: string;
    readonly paused: boolean;
    readonly extra: unknown;
    readonly modified_by: string;
    readonly modified_date: string;
  };
  readonly data_products: readonly Product[];
  readonly dependencies: readonly { readonly parent_id: string; readonly child_id: string }[];
}

export interface Run {
  readonly id: string;
  readonly template: string;
  readonly version: number | string | null;
  readonly triggered_by: string | null;
  readonly source: string | null;
  readonly state: string;
  readonly tasks: Readonly<Record<string, number>>;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly dataset_id: string;
  readonly params: unknown;
}

export const endedRunStates: readonly string[] = ["success", "failed", "cancelled"];
