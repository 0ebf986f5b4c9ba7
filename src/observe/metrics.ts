/**
 * What a node counts, by subject, in Prometheus' terms. On hot paths keep the child that `labels()` returns, or use `sampled`:
 * a gauge read at scrape time costs nothing until somebody asks.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { CountTally, SpreadTally } from "./tally.ts";

export type Metrics = ReturnType<typeof createMetrics>;

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const countBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const sampled: (() => void)[] = [];
  const refreshed: (() => Promise<void>)[] = [];
  const count = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name: `orrery_${name}`, help, labelNames, registers });
  const tally = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new CountTally({ name: `orrery_${name}`, help, labelNames, registers });
  const level = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name: `orrery_${name}`, help, labelNames, registers });
  const spread = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) => new SpreadTally({ name: `orrery_${name}`, help, buckets, labelNames, registers });

  return {
    registry,
    requests: {
      total: tally("requests_total", "Requests answered", ["method", "route", "status"]),
      seconds: spread("request_seconds", "From a request's first byte to its answer", secondsBuckets, ["route"]),
      inFlight: level("requests_in_flight", "Requests not yet answered"),
    },
    turns: {
      total: tally("turns_total", "Turns run, by cause and how they ended", ["cause", "outcome"]),
    },
    commits: {
      total: tally("commits_total", "Group commits, by how they ended", ["outcome"]),
      seconds: spread("commit_seconds", "One group commit", secondsBuckets),
      turns: spread("commit_turns", "Turns in one group commit", countBuckets),
    },
    mailboxes: {
      depth: level("mailbox_depth", "Commands waiting, over all datasets"),
    },
    residents: {
      datasets: level("resident_datasets", "Datasets whose actors are in memory"),
      products: level("resident_products", "Product actors in memory"),
    },
    packets: {
      datagrams: count("datagrams_total", "UDP datagrams taken from sockets", ["ship"]),
      total: count("packets_total", "Packets received, by what became of them", ["ship", "outcome"]),
      bytes: count("packet_bytes_total", "Bytes of datagrams received", ["ship"]),
      listeners: level("listeners", "UDP ports now receiving"),
    },
    drops: {
      total: count("drops_total", "Datagrams and packets lost on this machine, by where", ["where"]),
    },
    alarms: {
      raised: count("alarms_raised_total", "Alarms raised or made graver", ["kind", "severity"]),
      dropped: count("alarms_dropped_total", "Changes of alarms that could not be stored before their pass was lost"),
    },
    jobs: {
      enqueued: count("jobs_enqueued_total", "Free-standing jobs that were let in"),
      refused: count("jobs_refused_total", "Free-standing jobs that a guardrail refused, by its code", ["code"]),
      leased: tally("jobs_leased_total", "Leases taken"),
      attempts: tally("job_attempts_total", "Attempts ended, by compute and outcome", ["compute", "outcome"]),
      seconds: spread("job_attempt_seconds", "One attempt", [...secondsBuckets, 60, 600], ["compute"]),
      startSeconds: spread("job_start_seconds", "From when a job was due to its attempt's start", secondsBuckets),
      leasesLost: count("job_leases_lost_total", "Leases that ended before the result came"),
      running: level("jobs_running", "Attempts now running on this node"),
      waiting: level("jobs_in_queue", "Live jobs over all nodes, by queue and what they wait for", ["queue", "state"]),
      deadTuples: level(
        "job_dead_tuples",
        "Dead rows among the live jobs that vacuum has yet to remove; 0 on the embedded store",
      ),
    },
    /** Postgres only: 0 on the embedded store, NaN when it could not be asked. */
    database: {
      oldestXminSeconds: level(
        "database_oldest_xmin_age_seconds",
        "Age of the oldest open or prepared transaction that holds vacuum back; of other roles' only with pg_read_all_stats",
      ),
      oldestXminTransactions: level(
        "database_oldest_xmin_age_transactions",
        "Transactions begun since the oldest one that vacuum is held back for, by sessions, standbys or replication slots",
      ),
    },
    audit: {
      rows: count("audit_rows_total", "Rows written to the audit"),
      dropped: count(
        "audit_refusals_dropped_total",
        "Refused writes left out of the audit, as one service had too many",
      ),
    },
    templates: {
      ticks: count("cron_ticks_total", "Ticks of schedules, by what became of them", ["outcome"]),
      triggered: count("runs_triggered_total", "Runs of templates that were asked for, by source", ["source"]),
      finished: count("runs_finished_total", "Runs of templates that ended, by state", ["state"]),
    },
    flows: {
      messages: tally("flow_messages_total", "Messages that flows are done with, dead ones included", ["flow"]),
      dead: tally("flow_messages_dead_total", "Messages that became dead letters", ["flow"]),
      attempts: tally("flow_task_attempts_total", "Attempts of tasks ended, by outcome", ["flow", "outcome"]),
      outliers: tally("flow_task_outliers_total", "Attempts of tasks that ran far longer than is usual", ["flow"]),
      attemptSeconds: spread(
        "flow_task_attempt_seconds",
        "One attempt, its wait for a turn included",
        [...secondsBuckets, 60],
        ["flow"],
      ),
      deliveries: tally("flow_deliveries_total", "Deliveries ended, by outcome", ["flow", "sink", "outcome"]),
      deliverySeconds: spread(
        "flow_delivery_seconds",
        "From when a delivery was handed over to the word of its sink",
        [...secondsBuckets, 60],
        ["flow", "sink"],
      ),
      requests: tally("flow_requests_total", "Requests to flows, by client and status", ["flow", "client", "status"]),
      late: tally("flow_late_results_total", "Results that came after their request's deadline", ["flow"]),
      hookCounts: tally("flow_hook_total", "What hooks of a flow count", ["flow", "name"]),
      hookValues: level("flow_hook_value", "What hooks of a flow set", ["flow", "name"]),
      hookSeconds: spread("flow_hook_seconds", "What hooks of a flow time", [...secondsBuckets, 60], ["flow", "name"]),
      open: level("flow_open", "1 once what a flow needs answers, and 0 while that is away or wrong", ["flow"]),
      held: level("flow_messages_held", "Messages read here and not below their watermark", ["flow"]),
      waiting: level("flow_messages_waiting", "Messages known to wait behind those read here", ["flow"]),
      breakersOpen: level("flow_sinks_left_alone", "1 while a sink's breaker is open", ["flow", "sink"]),
    },
    streams: {
      open: level("event_streams", "Browsers that listen for live events"),
      dropped: count("event_streams_dropped_total", "Events dropped as their listener was too slow"),
    },
    /** Memory, CPU and event loop of the process: apart, as tests open many registries in one process. */
    watchProcess(): void {
      collectDefaultMetrics({ register: registry });
    },
    /** `read` is called whenever somebody scrapes. */
    sampled(gauge: Gauge, read: () => number): void {
      sampled.push(() => gauge.set(read()));
    },
    /** `refresh` sets gauges, and never rejects: whenever somebody scrapes it is waited for, for a moment; what is late is shown next time. */
    refreshed(refresh: () => Promise<void>): void {
      refreshed.push(refresh);
    },
    /** The text that Prometheus reads. */
    async text(): Promise<string> {
      await Promise.all(refreshed.map((refresh) => forAMoment(refresh())));
      for (const sample of sampled) sample();
      return registry.metrics();
    },
  };
}

/** A scrape waits no longer for a database that is slow. */
const refreshMs = 1_000;

async function forAMoment(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, refreshMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
