/** The ray compute against a real Ray, where one is installed; and against nothing, and a service that is none. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Outcome, stopBy, type Task } from "../src/compute/compute.ts";
import type { RayConfig } from "../src/compute/compute-config.ts";
import { createRay } from "../src/compute/ray.ts";
import { createRayJobs } from "../src/compute/ray-jobs.ts";
import { newTimeUuid } from "../src/model/ids.ts";
import { findRay, startRay, type TestRay } from "./support/ray.ts";
import { receiver } from "./support/receiver.ts";
import { until } from "./support/signal.ts";
import { freeTaskOf, taskOf } from "./support/task.ts";

const settings = { headers: {}, ca: undefined };
const idle = new AbortController().signal;
const failureOf = (outcome: Outcome) => {
  assert.ok("error" in outcome, JSON.stringify(outcome));
  return outcome;
};

const program = findRay();
describe("a ray compute", {
  skip: program ? false : "Ray is not installed: set TEST_RAY to the program ray",
  timeout: 300_000,
}, () => {
  let ray: TestRay;
  before(async () => {
    ray = await startRay(program ?? "ray");
  });
  after(() => ray?.stop());

  const run = (config: Partial<RayConfig> & { entrypoint: string }, task: Task = newTask(), signal = idle) =>
    createRay({ address: ray.address, poll_s: 0.2, ...config }, settings).run(task, stopBy(signal));
  const newTask = (changes: Partial<Task> = {}): Task => taskOf({ jobId: newTimeUuid(), ...changes });
  const statusOf = async (task: Task, attempt = task.attempt) =>
    (await createRayJobs(ray.address, settings).status(`orrery-${task.jobId}-${attempt}`, idle))?.status ?? null;

  it("runs an entrypoint with the task in its environment, and takes the last JSON line of its log", async () => {
    const script = `import json, os
task = json.loads(os.environ["ORRERY_TASK"])
print("hello from", task["product"]["name"], os.environ["STATION"], os.environ["ORRERY_ATTEMPT"])
print(json.dumps({"limit": task["passthrough"]["limit"], "parents": [p["passback"] for p in task["parents"]]}))
print("done")`;
    const lines: string[] = [];
    const task = newTask({ onOutput: (chunk) => void lines.push(new TextDecoder().decode(chunk)) });
    const outcome = await run(
      {
        entrypoint: `python3 -c '${script}'`,
        runtime_env: { env_vars: { STATION: "KIRUNA" } },
        entrypoint_num_cpus: 1,
      },
      task,
    );
    assert.equal(outcome.outcome, "succeeded", JSON.stringify(outcome));
    assert.equal(
      outcome.outcome === "succeeded" && outcome.passback,
      '{"limit": 18446744073709551615, "parents": [{"rows": 3}, null]}',
    );
    assert.match(outcome.output, /^hello from Battery health KIRUNA 1$/m);
    assert.equal(lines.join(""), outcome.output);
  });

  it("fails with the exit code, and says it in a line", async () => {
    const outcome = failureOf(await run({ entrypoint: "sh -c 'echo about to fail; exit 3'", no_retry: [3] }));
    assert.deepEqual([outcome.outcome, outcome.code, outcome.isFinal], ["failed", "3", true]);
    assert.equal(outcome.error, "Job entrypoint command failed with exit code 3");
    assert.match(outcome.output, /about to fail/);
  });

  it("finds a job again that it had submitted without hearing the answer", async () => {
    const task = freeTaskOf("7", { jobId: newTimeUuid() });
    const entrypoint = `sh -c 'echo begun; echo "{\\"at\\":$(date +%s%N)}"'`;
    const first = await run({ entrypoint }, task);
    const second = await run({ entrypoint }, task);
    assert.equal(first.outcome, "succeeded");
    assert.deepEqual(second, first, "it ran once");
  });

  it("shows its log while it runs, and stops it when it is aborted", async () => {
    let seen = "";
    const abort = new AbortController();
    const task = newTask({
      onOutput: (chunk) => {
        seen += new TextDecoder().decode(chunk);
      },
    });
    const ending = run({ entrypoint: "sh -c 'echo up and running; exec sleep 300'" }, task, abort.signal);
    await until("its first line was seen", () => seen.includes("up and running"), 60_000);
    const abortedMs = performance.now();
    abort.abort(new Error("the product was cleared"));
    const outcome = failureOf(await ending);
    assert.ok(performance.now() - abortedMs < 2_500);
    assert.deepEqual([outcome.outcome, outcome.error], ["cancelled", "the product was cleared"]);
    await until("Ray has stopped it", async () => (await statusOf(task)) === "STOPPED", 60_000);
  });

  it("stops it at the timeout, and is over when it has stopped", async () => {
    const task = newTask();
    const outcome = failureOf(await run({ entrypoint: "sleep 300", timeout_s: 4 }, task));
    assert.deepEqual([outcome.outcome, outcome.code], ["timed_out", "timeout"]);
    assert.equal(await statusOf(task), "STOPPED");
  });

  it("stops what the attempt before left running, as its node died", async () => {
    const jobs = createRayJobs(ray.address, settings);
    const task = newTask({ attempt: 2 });
    const submission_id = `orrery-${task.jobId}-1`;
    await jobs.submit({ submission_id, entrypoint: "sleep 300", runtime_env: {}, metadata: {} }, idle);
    const outcome = await run({ entrypoint: "true" }, task);
    assert.equal(outcome.outcome, "succeeded");
    await until("it has stopped", async () => (await statusOf(task, 1)) === "STOPPED", 60_000);
  });

  it("says in Ray's words what Ray refuses", async () => {
    const outcome = failureOf(await run({ entrypoint: "true", runtime_env: { no_such_plugin: 1, pip: 7 } }));
    assert.equal(outcome.outcome, "failed");
    assert.match(outcome.error, /Ray at .* answered [45]\d\d when it was asked to run a job|runtime_env|pip/);
  });
});

describe("a ray compute without a Ray", () => {
  const run = (config: Partial<RayConfig>, task: Task = taskOf()) =>
    createRay({ address: "http://127.0.0.1:1", entrypoint: "true", ...config }, settings).run(task, stopBy(idle));

  it("fails with who could not be reached, to be tried again", async () => {
    const outcome = failureOf(await run({}));
    assert.deepEqual([outcome.outcome, outcome.code, outcome.isFinal], ["failed", "network", undefined]);
    assert.match(outcome.error, /^Ray could not be asked to run a job: Cannot reach 127\.0\.0\.1:1: /);
  });

  it("says so when what answers is no Ray", async () => {
    const service = await receiver();
    service.answer = () => ({ status: 404, body: "<html>\nnot found\n</html>" });
    const outcome = failureOf(await run({ address: service.url }));
    assert.match(outcome.error, /^Ray at 127\.0\.0\.1:\d+ answered 404 when it was asked to run a job/);
    service.answer = ({ method }) => ({ status: 200, body: method === "GET" ? '{"hello":1}' : "{}" });
    assert.match(failureOf(await run({ address: service.url })).error, /its answer is not Ray's/);
    await service.close();
  });

  it("refuses for good a task that does not fit into a variable", async () => {
    const outcome = failureOf(await run({}, taskOf({ payload: JSON.stringify("x".repeat(140_000)) })));
    assert.deepEqual([outcome.code, outcome.isFinal], ["task_too_large", true]);
  });
});
