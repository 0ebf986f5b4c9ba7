/** Deadlines: an alarm for each product that is late, once over all nodes, told live, listed, and sent until it is taken. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { isSignedWebhook } from "../src/compute/webhook.ts";
import { parseConfigFile } from "../src/config-file.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { takeAlarmsToSend } from "../src/store/alarms.ts";
import { settleDeadlines } from "../src/store/late-products.ts";
import type { Sql } from "../src/store/sql.ts";
import { createAlarms, type SendWebhook } from "../src/supervisor/alarms.ts";
import { EventReader } from "./support/events.ts";
import { done, refused, Scene } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let api: TestRuntime;
let sql: Sql;
before(async () => {
  api = await openTestRuntime();
  sql = api.runtime.database.sql;
});
after(() => api.stop());

const alarmsOf = async (scene: Scene, query = "") =>
  done(await api.request("GET", `/api/alarm?dataset=${scene.datasetId}${query}`)).json.rows;

function publish(scene: Scene, chains: string, expected: Record<string, object>) {
  const body = scene.body(chains);
  const products = body.data_products.map((product) => ({ ...product, ...expected[product.name] }));
  return scene.publish({ ...body, data_products: products });
}

const pendingOf = async (scene: Scene): Promise<number> =>
  (await sql`select 1 from expectation where dataset_id = ${scene.datasetId}::uuid and is_pending`).length;

describe("a deadline", () => {
  it("that a product misses raises one alarm, told live and kept in explain", async () => {
    const scene = new Scene(api);
    const events = await EventReader.open(`${api.url}/api/event?type=alarm&dataset=${scene.datasetId}`);
    try {
      done(await publish(scene, "a>b c", { b: { deadline_s: 0 }, c: { deadline: "2100-01-01T00:00:00Z" } }));
      const { name, data } = await events.next();
      assert.equal(name, "alarm");
      const [alarm, ...others] = await alarmsOf(scene);
      assert.deepEqual(others, []);
      const { at, id, sent_at, detail, ...rest } = alarm;
      assert.deepEqual(rest, {
        kind: "product.late",
        severity: "warning",
        active: true,
        ship: null,
        pass_id: null,
        subject: "",
        dataset_id: scene.datasetId,
        product_id: scene.id("b"),
        raised: 1,
        cleared_at: at,
        resolution: null,
        acknowledged_at: null,
        acknowledged_by: null,
        comment: null,
      });
      assert.deepEqual([detail.name, detail.state, sent_at], ["b", "waiting", null]);
      assert.deepEqual(data, { event: "raised", ...rest, id, at, detail });
      const path = (product: string) => `/api/data_product/${scene.datasetId}/${scene.id(product)}/explain`;
      assert.match(done(await api.request("GET", path("b"))).json.summary, /; it missed its deadline of \d{4}-/);
      assert.match(done(await api.request("GET", path("c"))).json.summary, /; it is due by 2100-01-01T00:00:00Z$/);
      assert.equal(await pendingOf(scene), 1);
    } finally {
      await events.close();
    }
  });

  it("that is met, or whose product is disabled, raises none", async () => {
    const scene = new Scene(api);
    done(await publish(scene, "a b", {}));
    done(await scene.set("success", "a"));
    done(await scene.disable("b"));
    done(await publish(scene, "a b", { a: { deadline_s: 0 }, b: { deadline_s: 0 } }));
    await until("both are settled", async () => (await pendingOf(scene)) === 0);
    assert.deepEqual(await alarmsOf(scene), []);
  });

  it("is set anew by another publication, and settled once if it stays", async () => {
    const scene = new Scene(api);
    const deadline = "2020-01-01T00:00:00Z";
    done(await publish(scene, "a", { a: { deadline } }));
    await until("it is raised", async () => (await alarmsOf(scene)).length === 1);
    done(await publish(scene, "a", { a: { deadline, check: { type: "object" } } }));
    assert.equal(await pendingOf(scene), 0);
    done(await publish(scene, "a", { a: { deadline: "2021-01-01T00:00:00Z" } }));
    await until("it is raised again", async () => (await alarmsOf(scene)).length === 2);
    done(await publish(scene, "a", {}));
    assert.equal((await sql`select 1 from expectation where dataset_id = ${scene.datasetId}::uuid`).length, 0);
  });

  it("of many products raises one alarm each, whichever of several nodes looks", async () => {
    const scene = new Scene(api);
    const names = Array.from({ length: 150 }, (_, i) => `p${i}`);
    const late = Object.fromEntries(names.map((name) => [name, { deadline_s: 0 }]));
    done(await publish(scene, names.join(" "), late));
    const raised: string[] = [];
    const nodes = Array.from({ length: 4 }, async () => {
      for (let settled = 1; settled > 0; ) {
        const found = await settleDeadlines(sql, 20, false);
        settled = found.settled;
        raised.push(...found.raised.map(({ productId }) => productId ?? ""));
      }
    });
    await Promise.all(nodes);
    await until("all are settled", async () => (await pendingOf(scene)) === 0);
    const alarms = await alarmsOf(scene, "&limit=200");
    assert.equal(alarms.length, 150);
    assert.equal(new Set(alarms.map((alarm: { product_id: string }) => alarm.product_id)).size, 150);
    assert.equal(new Set(raised).size, raised.length);
    const first = done(await api.request("GET", `/api/alarm?dataset=${scene.datasetId}&limit=100`)).json;
    const second = done(
      await api.request("GET", `/api/alarm?dataset=${scene.datasetId}&cursor=${first.next_cursor}`),
    ).json;
    assert.deepEqual([first.rows.length, second.rows.length, second.next_cursor], [100, 50, null]);
    refused(await api.request("GET", "/api/alarm?cursor=x"), 400, "cursor");
  });
});

describe("a webhook", () => {
  const webhook = { url: "https://example.org/alarm", secrets: ["whsec_secret"], allowPrivate: false };

  it("gets an alarm until it takes it, under the same id", async () => {
    const scene = new Scene(api);
    const sent: Parameters<SendWebhook>[0][] = [];
    const send: SendWebhook = async (ask) => {
      sent.push(ask);
      if (sent.length === 1) throw new Error("example.org answered 500");
    };
    const alarms = createAlarms({
      database: api.runtime.database,
      log: createLog("silent"),
      metrics: createMetrics(),
      webhook,
      send,
      everyMs: 20,
    });
    alarms.start();
    try {
      // The runtime's own watch has no webhook: the alarm is put as the other one would.
      done(await publish(scene, "a", {}));
      await sql`insert into alarm (alarm_id, kind, dataset_id, product_id, at, detail, send_at)
        values (gen_random_uuid(), 'product.late', ${scene.datasetId}::uuid, ${scene.id("a")}::uuid, now(), '{"name":"a"}', now())`;
      await until("it was tried", () => sent.length === 1);
      await sql`update alarm set send_at = now() where dataset_id = ${scene.datasetId}::uuid and send_at is not null`;
      await until("it was taken", async () => (await alarmsOf(scene))[0]?.sent_at !== null);
      const [first, second] = sent;
      assert.deepEqual({ ...first, signal: null }, { ...second, signal: null });
      const [alarm] = await alarmsOf(scene);
      assert.deepEqual([second?.id, second?.type, second?.url], [alarm.id, "product.late", webhook.url]);
      assert.deepEqual(second?.secret, webhook.secrets);
    } finally {
      await alarms.stop();
    }
    assert.equal(sent.length, 2);
  });

  it("of the configuration gets it signed, once it is up", async () => {
    const secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    const heard: { headers: IncomingHttpHeaders; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (part: string) => {
        body += part;
      });
      request.on("end", () => {
        heard.push({ headers: request.headers, body });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // it listens on a port
    const url = `http://127.0.0.1:${port}/alarm`;
    const node = await openTestRuntime({ config: { alarms: { webhook: { url, secrets, allowPrivate: true } } } });
    try {
      const scene = new Scene(node);
      const body = scene.body("a");
      const late = body.data_products.map((product) => ({ ...product, deadline_s: 0 }));
      done(await scene.publish({ ...body, data_products: late }));
      await until("it was sent", () => heard.length === 1);
      const [{ headers, body: text } = { headers: {}, body: "" }] = heard;
      assert.ok(isSignedWebhook(secrets, headers, text, Math.floor(Date.now() / 1000)));
      const sent = JSON.parse(text);
      assert.deepEqual([sent.type, sent.data.product_id, sent.data.detail.name], ["product.late", scene.id("a"), "a"]);
      assert.equal(headers["webhook-id"], sent.data.id);
      await until("it is noted", async () => {
        const { rows } = done(await node.request("GET", "/api/alarm")).json;
        return rows[0].sent_at !== null;
      });
    } finally {
      await node.stop();
      server.close();
    }
  });

  it("that never takes it is tried 12 times, further and further apart", async () => {
    const [row] = await sql<{ id: string }>`
      insert into alarm (alarm_id, kind, at, detail, send_at) values (gen_random_uuid(), 'test', now(), '{}', now())
      returning alarm_id as id`;
    const waits: (number | null)[] = [];
    for (let i = 0; i < 12; i++) {
      const taken = await takeAlarmsToSend(sql, 10);
      assert.deepEqual(
        taken.map(({ alarmId, tries }) => [alarmId, tries]),
        [[row?.id, i + 1]],
      );
      const [left] = await sql<{ s: number | null }>`
        select extract(epoch from send_at - clock_timestamp())::float8 as s from alarm where alarm_id = ${row?.id ?? ""}::uuid`;
      waits.push(left?.s == null ? null : Math.round(left.s));
      await sql`update alarm set send_at = now() where alarm_id = ${row?.id ?? ""}::uuid and send_at is not null`;
    }
    assert.deepEqual(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, null]);
    assert.deepEqual(await takeAlarmsToSend(sql, 10), []);
  });

  it("is configured by its address and the variable of its secret", () => {
    const parse = (text: string) => parseConfigFile(text, "orrery.yaml").alarms.webhook;
    assert.equal(parse("{}"), null);
    assert.deepEqual(parse("alarms:\n  webhook: { url: https://example.org/a, secret_env: ALARM_SECRET }"), {
      url: "https://example.org/a",
      secretEnv: "ALARM_SECRET",
      allowPrivate: false,
    });
    assert.throws(
      () => parse("alarms:\n  webhook: { url: ftp://x, secret_env: A }"),
      /orrery.yaml:2:14.*http or https/,
    );
    assert.throws(() => parse("alarms:\n  webhook: { url: https://x }"), /secret_env/);
    assert.throws(() => parse("alarms:\n  webhok: {}"), /unknown key "webhok" in alarms: known keys are webhook/);
    assert.throws(
      () => parse("alarms:\n  webhook: { url: https://x, secret_env: A, b: 1 }"),
      /known keys are url, secret_env, allow_private/,
    );
  });
});
