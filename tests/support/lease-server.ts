/** The lease routes alone, in this process, with a clock of real milliseconds: jobs in memory, fenced by token. For faults that a whole node cannot be put into. */
import { Hono } from "hono";
import { serve } from "../../src/http/serve.ts";

export interface FakeJob {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
  token: number;
  attempt: number;
  leaseUntilMs: number | null;
  state: "queued" | "leased" | "succeeded" | "failed";
  result: unknown;
  log: string;
  readonly told: { verb: string; token: number; status: number; body: Record<string, unknown> }[];
}

export interface LeaseServer {
  readonly url: string;
  readonly jobs: Map<string, FakeJob>;
  readonly polls: Record<string, unknown>[];
  add(payload: unknown, type?: string): FakeJob;
  /** Every answer is this status until it is null again. */
  broken: number | null;
  drain: boolean;
  /** Those that still wait: a killed worker's is noticed within milliseconds, and could take a job meanwhile. */
  openPolls(): number;
  close(): Promise<void>;
}

export async function openLeaseServer(leaseMs: number, token = "the-token"): Promise<LeaseServer> {
  const jobs = new Map<string, FakeJob>();
  const polls: Record<string, unknown>[] = [];
  const state = { broken: null as number | null, drain: false, openPolls: 0 };
  const app = new Hono();
  const problem = (status: number, code: string, detail: string) =>
    new Response(JSON.stringify({ title: code, status, code, detail }), {
      status,
      headers: { "Content-Type": "application/problem+json" },
    });

  app.use(async (c, next) => {
    if (state.broken !== null) return problem(state.broken, "broken", "the server is away");
    if (c.req.header("Authorization") !== `Bearer ${token}`)
      return problem(403, "token_refused", "the token is unknown");
    return await next();
  });

  app.post("/api/lease", async (c) => {
    const ask = await c.req.json();
    polls.push(ask);
    state.openPolls += 1;
    const endMs = performance.now() + ask.wait_s * 1000;
    for (;;) {
      const due = [...jobs.values()].filter(
        (job) =>
          (job.state === "queued" || (job.state === "leased" && (job.leaseUntilMs ?? 0) < performance.now())) &&
          (ask.job_types === undefined || ask.job_types.includes(job.type)),
      );
      const isOver = performance.now() >= endMs || c.req.raw.signal.aborted || state.drain || state.broken !== null;
      if (due.length > 0 || isOver) {
        state.openPolls -= 1;
        const leases = due.slice(0, ask.count).map((job) => {
          Object.assign(job, { state: "leased", token: job.token + 1, attempt: job.attempt + 1 });
          job.leaseUntilMs = performance.now() + leaseMs;
          return {
            lease_id: `${job.id}.${job.token}`,
            job_id: job.id,
            token: job.token,
            queue: "default",
            job_type: job.type,
            attempt: job.attempt,
            lease_s: leaseMs / 1000,
            timeout_s: 60,
            payload: job.payload,
            dataset: null,
            product: null,
            parents: [],
          };
        });
        return c.json({ leases, drain: state.drain });
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  for (const verb of ["heartbeat", "complete", "fail", "log"]) {
    app.on(verb === "log" ? "POST" : "PUT", `/api/lease/:lease/${verb}`, async (c) => {
      const [id = "", token] = c.req.param("lease").split(".");
      const job = jobs.get(id);
      if (job === undefined) return problem(404, "not_found", "there is no such job");
      const body = await c.req.json();
      const isHeld = job.state === "leased" && job.token === Number(token);
      job.told.push({ verb, token: Number(token), status: isHeld ? 200 : 409, body });
      if (!isHeld) return problem(409, "lease_lost", "the lease has ended");
      if (verb === "heartbeat") job.leaseUntilMs = performance.now() + leaseMs;
      if (verb === "log") job.log += body.text;
      if (verb === "complete") Object.assign(job, { state: "succeeded", result: body.result });
      if (verb === "fail") job.state = "failed";
      return c.json({ ok: true });
    });
  }

  const server = serve({ host: "127.0.0.1", port: 0, fetch: (request) => app.fetch(request) });
  return {
    url: `http://127.0.0.1:${server.port}`,
    jobs,
    polls,
    add(payload, type = "t") {
      const id = crypto.randomUUID();
      const job: FakeJob = {
        id,
        type,
        payload,
        token: 0,
        attempt: 0,
        leaseUntilMs: null,
        state: "queued",
        result: null,
        log: "",
        told: [],
      };
      jobs.set(id, job);
      return job;
    },
    get broken() {
      return state.broken;
    },
    set broken(status) {
      state.broken = status;
    },
    get drain() {
      return state.drain;
    },
    set drain(wanted) {
      state.drain = wanted;
    },
    openPolls: () => state.openPolls,
    close: () => server.close(),
  };
}
