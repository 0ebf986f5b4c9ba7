/**
 * A node full of hostile text: wherever a client can put a text that a page shows (names, labels, reasons, comments, log lines,
 * results, links), there is markup, a way out of an attribute, and a link that would run. What the API takes only as a plain name is one.
 */
import { randomUUID } from "node:crypto";
import { hashSync } from "bcryptjs";
import { roles } from "../../src/model/service.ts";
import { hostile, hostileLink, hostileService } from "./hostile.ts";
import { makeHostileFlows, sendHostile } from "./hostile-flow.ts";
import { type FlownHostile, flyHostile } from "./hostile-ship.ts";
import { done } from "./http.ts";
import { putWorker } from "./jobs-by-hand.ts";
import { type Answer, openTestRuntime, services, type TestRuntime } from "./runtime.ts";
import { until } from "./signal.ts";

/** As the hostile service, at `/api` + path; must be answered 200. */
export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

export interface HostileMission extends FlownHostile {
  readonly node: TestRuntime;
  readonly call: Call;
  readonly datasetId: string;
  /** It has succeeded, with a hostile result and log. */
  readonly productId: string;
  /** Of a plan whose products were reported on, with links that would run. */
  readonly reportedId: string;
  readonly runId: string;
  readonly backfillId: string;
  readonly deadJobId: string;
  readonly runningJobId: string;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const shell = (command: string) => ({ kind: "shell" as const, command, attempts: 1 });
const said = JSON.stringify({ [hostile]: hostile, link: hostileLink, n: 1 });

const inYaml = JSON.stringify(hostile);
const template = `
id: readings
name: ${inYaml}
description: ${inYaml}
labels: { team: ${inYaml} }
params:
  day: { type: date, required: true, description: ${inYaml} }
  note: { default: ${inYaml} }
  mode: { values: [fast, ${inYaml}], default: fast }
schedule: { cron: "0 6 * * *", timezone: Europe/Stockholm, overlap: skip, params: { day: "{{ tick.date }}" } }
tasks:
  - { id: extract, name: ${inYaml}, compute: quick }
  - { id: report, compute: fail, depends_on: [extract] }
  - { id: send, compute: quick, depends_on: [report] }
`;

export async function openHostileMission(): Promise<HostileMission> {
  const { name: service, key } = hostileService;
  const flowsDir = await makeHostileFlows();
  const node = await openTestRuntime({
    config: {
      flowsDir,
      services: [...services, { service, hash: hashSync(key, 4), roles }],
      computes: {
        quick: shell(`printf '%s' ${quoted(said)} > "$ORRERY_PASSBACK"; echo ${quoted(hostile)}`),
        fail: shell(`echo ${quoted(hostile)}; echo ${quoted(hostile)} >&2; exit 3`),
        slow: shell(`echo ${quoted(hostile)}; sleep 600`),
        [hostile]: shell("exit 3"),
      },
    },
  });
  try {
    const { json } = done(await node.request("POST", "/api/authenticate", { body: { service, key } }));
    const call: Call = async (method, path, body, headers = {}) =>
      done(await node.request(method, `/api${path}`, { token: json.access_token, body, headers }));
    return { node, call, ...(await filled(node, call)) };
  } catch (error) {
    await node.stop();
    throw error;
  }
}

async function filled(node: TestRuntime, call: Call): Promise<Omit<HostileMission, "node" | "call">> {
  const [flown, plans, runs, jobs] = await Promise.all([
    flyHostile(call),
    publish(call),
    runTemplate(call),
    enqueueJobs(call),
    sendHostile(call),
  ]);
  await putWorker(node.runtime.database.sql, {
    name: hostile,
    held: 1,
    queues: listOf(hostile),
    labels: listOf(hostile),
  });
  for (const [path, state] of [
    [`/job/${jobs.deadJobId}`, "dead"],
    [`/job/${jobs.runningJobId}`, "running"],
    [`/data_product/${plans.datasetId}/${plans.productId}`, "success"],
    [`/run/${runs.runId}`, "failed"],
  ] as const)
    await until(`${path} is ${state}`, async () => (await call("GET", path)).json.state === state, 20_000);
  return { ...flown, ...plans, ...runs, ...jobs };
}

/** As Postgres writes a list of one text. */
const listOf = (text: string): string => `{${JSON.stringify(text)}}`;

async function publish(call: Call): Promise<Pick<HostileMission, "datasetId" | "productId" | "reportedId">> {
  const plan = async (computes: readonly [string, string]): Promise<[dataset: string, first: string]> => {
    const [dataset, first, second] = [randomUUID(), randomUUID(), randomUUID()];
    const both = { name: hostile, version: hostile, eager: true, extra: { [hostile]: hostile } };
    await call("POST", "/plan", {
      dataset: { id: dataset, extra: { [hostile]: hostile, link: hostileLink } },
      data_products: [
        { ...both, id: first, compute: computes[0], passthrough: { [hostile]: hostile } },
        { ...both, id: second, compute: computes[1], passthrough: hostile },
      ],
      dependencies: [{ parent_id: first, child_id: second, extra: hostile }],
    });
    return [dataset, first];
  };
  const [datasetId, productId] = await plan(["quick", "fail"]);
  const [reportedId, reported] = await plan(["cams", "cams"]);
  await call("PUT", `/data_product/${reportedId}/update`, [
    { id: reported, state: "failed", run_id: randomUUID(), link: hostileLink, passback: { error: hostile } },
  ]);
  await call("PUT", `/plan/${reportedId}/pause`);
  return { datasetId, productId, reportedId };
}

async function runTemplate(call: Call): Promise<Pick<HostileMission, "runId" | "backfillId">> {
  await call("POST", "/template", template, { "Content-Type": "application/yaml" });
  const run = await call("POST", "/template/readings/trigger", { params: { day: "2026-01-31", note: hostile } });
  const backfill = await call("POST", "/backfill", {
    template: "readings",
    params: [{ day: "2026-01-01", note: hostile }, { day: "2026-01-02" }],
  });
  return { runId: run.json.dataset.id, backfillId: backfill.json.id };
}

async function enqueueJobs(call: Call): Promise<Pick<HostileMission, "deadJobId" | "runningJobId">> {
  await call("PUT", "/queue/broken", { concurrency: 3, rate_per_s: 5 });
  const enqueue = async (body: object): Promise<string> =>
    (await call("POST", "/job", { payload: { [hostile]: hostile, link: hostileLink }, ...body })).json.id;
  const deadJobId = await enqueue({ job_type: "fail", concurrency_key: hostile, queue: "broken" });
  const runningJobId = await enqueue({ job_type: "slow", concurrency_key: hostile });
  await enqueue({ job_type: hostile, requires: [hostile], delay_s: 3600 });
  await enqueue({ job_type: hostile, queue: "broken" });
  return { deadJobId, runningJobId };
}
