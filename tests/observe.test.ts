/** The log and the metrics: one line a request, no secrets, labels that nobody outside can invent. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Hono } from "hono";
import { requestLog } from "../src/http/request-log.ts";
import { closeLog, createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { sampleResidents, supervisorObserver } from "../src/observe/supervisor-metrics.ts";

function captured(level = "info") {
  const lines: Record<string, unknown>[] = [];
  const log = createLog(level, { write: (text: string) => void lines.push(JSON.parse(text)) });
  return { log, lines };
}

describe("the log", () => {
  it("never shows secrets, at the top or one level down", async () => {
    const { log, lines } = captured();
    log.info(
      { key: "canary", authorization: "canary", request: { password: "canary", access_token: "canary" } },
      "hello",
    );
    assert.doesNotMatch(JSON.stringify(lines), /canary/);
    assert.equal(lines[0]?.msg, "hello");
    await closeLog(log);
  });

  it("tells an error's message and place", () => {
    const { log, lines } = captured();
    log.error({ err: new Error("no such ship") }, "failed");
    assert.match(JSON.stringify(lines[0]?.err), /no such ship.*observe\.test/);
  });
});

describe("the request log", () => {
  function app() {
    const { log, lines } = captured();
    const metrics = createMetrics();
    const hono = new Hono();
    hono.use(requestLog({ log, metrics }));
    hono.get("/plan/search", (c) => c.text("found"));
    hono.get("/plan/:id", (c) => c.text("plan"));
    hono.get("/health", (c) => c.text("ok"));
    hono.get("/fails", () => {
      throw new Error("defect");
    });
    hono.onError((_, c) => c.text("failed", 500));
    return { hono, lines, metrics };
  }
  const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  it("writes one line a request: id, method, route, status, milliseconds and traceparent", async () => {
    const { hono, lines } = app();
    const answer = await hono.request("/plan/42?secret=canary", {
      headers: { traceparent: trace, "X-Request-Id": "from-proxy" },
    });
    assert.equal(answer.headers.get("x-request-id"), "from-proxy");
    assert.equal(lines.length, 1);
    const { level, id, method, route, status, ms, traceparent } = lines[0] ?? {};
    assert.deepEqual(
      [level, id, method, route, status, traceparent],
      ["info", "from-proxy", "GET", "/plan/:id", 200, trace],
    );
    assert.equal(typeof ms, "number");
    assert.doesNotMatch(JSON.stringify(lines), /canary/);
  });

  it("names the route that answered when several match, and gives each request its own id", async () => {
    const { hono, lines } = app();
    await hono.request("/plan/search");
    await hono.request("/plan/search");
    assert.deepEqual(
      lines.map(({ route }) => route),
      ["/plan/search", "/plan/search"],
    );
    assert.notEqual(lines[0]?.id, lines[1]?.id);
  });

  it("logs what fails and what is unknown, and takes nothing from outside that could forge a line", async () => {
    const { hono, lines, metrics } = app();
    assert.equal((await hono.request("/fails")).status, 500);
    await hono.request("/nowhere/at/all", {
      method: "PROPFIND",
      headers: { traceparent: "x", "X-Request-Id": '"},{"' },
    });
    assert.deepEqual(
      lines.map(({ route, status }) => [route, status]),
      [
        ["/fails", 500],
        ["unknown", 404],
      ],
    );
    assert.equal(lines[1]?.traceparent, undefined);
    assert.match(String(lines[1]?.id), /^[\da-f]{8}-/);
    const text = await metrics.text();
    assert.match(text, /orrery_requests_total\{method="OTHER",route="unknown",status="404"\} 1/);
    assert.match(text, /orrery_request_seconds_count\{route="\/fails"\} 1/);
    assert.match(text, /orrery_requests_in_flight 0/);
  });

  it("is quiet about probes, and counts them", async () => {
    const { hono, lines, metrics } = app();
    await hono.request("/health");
    assert.deepEqual(lines, []);
    assert.match(await metrics.text(), /route="\/health",status="200"\} 1/);
  });
});

describe("the metrics", () => {
  it("count turns and commits, and read what is resident when asked", async () => {
    const metrics = createMetrics();
    const { log, lines } = captured();
    const observer = supervisorObserver(metrics, log);
    observer.turn("plan.publish", "committed");
    observer.turn("plan.publish", "committed");
    observer.batch({ turns: 3, ms: 4, outcome: "committed" });
    observer.defect(new Error("odd"));
    let datasets = 1;
    sampleResidents(metrics, () => ({ datasets, products: 11, mailboxDepth: 2 }));
    datasets = 7;
    const text = await metrics.text();
    assert.match(text, /orrery_turns_total\{cause="plan\.publish",outcome="committed"\} 2/);
    assert.match(text, /orrery_commit_turns_bucket\{le="4"\} 1/);
    assert.match(text, /orrery_commits_total\{outcome="committed"\} 1/);
    assert.match(text, /orrery_resident_datasets 7/);
    assert.match(text, /orrery_mailbox_depth 2/);
    assert.match(JSON.stringify(lines[0]), /odd/);
  });
});
