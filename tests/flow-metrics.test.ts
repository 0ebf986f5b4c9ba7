/** What is seen of a flow while a sink of it fails and when it is back: Prometheus' numbers of each stage, the breaker; and its dead deliveries, redriven. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

describe("a flow whose web service fails", () => {
  let dir: string;
  let service: Server;
  let status = 200;
  const heard: string[] = [];
  let node: TestRuntime;
  before(async () => {
    service = createServer((request, response) => {
      request.resume().on("end", () => {
        if (status === 200) heard.push(String(request.headers["webhook-id"]));
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    const { port } = service.address() as AddressInfo; // it listens on TCP
    dir = await mkdtemp(join(tmpdir(), "orrery-flow-metrics-"));
    await writeFile(
      join(dir, "told.yaml"),
      `
source: { kind: http }
module: told.ts
attempts: 2
retry: { base_s: 0.01, max_s: 0.01 }
sinks:
  hook:
    kind: webhook
    url: http://127.0.0.1:${port}/
    secret: whsec_${Buffer.alloc(32, 7).toString("base64")}
    allow_private: [127.0.0.1]
    delivery: { attempts: 2, retry: { base_s: 0.01, max_s: 0.01 }, breaker: { failures: 2, open_s: 0.2 } }
`,
    );
    await writeFile(
      join(dir, "told.ts"),
      `let failed = 0;
export default {
  execute: ({ input }) => {
    if (input.fails === "once" && failed++ === 0) throw new Error("it fails once");
    if (input.fails === true) throw new Error("it fails");
    return input;
  },
};`,
    );
    node = await openTestRuntime({ config: { flowsDir: dir } });
  });
  after(async () => {
    await node.stop();
    await new Promise((resolve) => service.close(resolve));
    await rm(dir, { recursive: true });
  });

  const send = async (...messages: object[]) =>
    node.request("POST", "/api/flow/told/message", { token: await node.tokenOf("publisher"), body: { messages } });
  const numberOf = async (line: string): Promise<number> => {
    const { text } = await node.request("GET", "/metrics");
    const found = text.split("\n").find((one) => one.startsWith(`orrery_flow_${line} `));
    return Number(found?.split(" ").at(-1) ?? 0);
  };

  it("counts messages, attempts and deliveries by how they ended, and times them", async () => {
    const { json } = await send(
      { id: "a", value: {} },
      { id: "b", value: { fails: "once" } },
      { id: "c", value: { fails: true } },
      { id: "d", value: {} },
    );
    assert.equal(json.dead, 1);
    for (const [line, expected] of [
      ['messages_total{flow="told"}', 4],
      ['messages_dead_total{flow="told"}', 1],
      ['task_attempts_total{flow="told",outcome="succeeded"}', 3],
      ['task_attempts_total{flow="told",outcome="failed"}', 3],
      ['task_attempt_seconds_count{flow="told"}', 6],
      ['deliveries_total{flow="told",sink="hook",outcome="delivered"}', 3],
      ['delivery_seconds_count{flow="told",sink="hook"}', 3],
      ['messages_held{flow="told"}', 0],
    ] as const)
      assert.equal(await numberOf(line), expected, line);
    assert.equal(heard.length, 3);
  });

  it("shows that its sink is left alone, and makes dead letters of what it did not take", async () => {
    status = 503;
    const sent = send({ id: "e", value: {} }, { id: "f", value: {} });
    await until("left alone", async () => (await numberOf('sinks_left_alone{flow="told",sink="hook"}')) === 1);
    assert.equal((await node.request("GET", "/api/flow/told")).json.sinks[0].breaker, "open");
    assert.match((await node.request("GET", "/flow/told")).text, /left alone/);
    assert.equal((await sent).status, 200);
    assert.equal(await numberOf('deliveries_total{flow="told",sink="hook",outcome="dead"}'), 2);
    const { json } = await node.request("GET", "/api/dlq?job_type=orrery.flow.told");
    const reasons = json.rows.map(({ error }: { error: string }) => error);
    assert.equal(reasons.filter((reason: string) => /^sink "hook": .*503/.test(reason)).length, 2, String(reasons));
  });

  it("delivers them under the same keys when they are redriven, once", async () => {
    status = 200;
    heard.length = 0;
    const token = await node.tokenOf("operator");
    const redrive = async () => (await node.request("POST", "/api/dlq/redrive", { token, body: { filter: {} } })).json;
    assert.equal((await redrive()).redriven.length, 3);
    await until("both have come", () => heard.length === 2);
    assert.deepEqual(heard.sort(), ["told:http:e:0.0", "told:http:f:0.0"]);
    await until("only the task that fails is dead", async () => {
      const { json } = await node.request("GET", "/api/dlq?job_type=orrery.flow.told");
      return json.total === 1 && /its task failed|it fails/.test(json.rows[0].error);
    });
  });
});
