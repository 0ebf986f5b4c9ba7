/** The audit: every write that was answered is in it, refusals too, plan writes by their events; it is read in pages without a scan. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createAuditTrail } from "../src/http/audit-trail.ts";
import { roles } from "../src/model/service.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { type Sql, SqlError } from "../src/store/sql.ts";
import { done, refused, Scene } from "./support/http.ts";
import { openTestRuntime, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const rootHash = services.find(({ service }) => service === "admin")?.hash ?? "";
const root = { service: "root", hash: rootHash, roles: [...roles] };

interface Row {
  readonly id: string;
  readonly at: string;
  readonly service: string;
  readonly action: string;
  readonly target: string;
  readonly status: number;
  readonly request_id: string | null;
}

let api: TestRuntime;
let sql: Sql;
let token: string;
before(async () => {
  api = await openTestRuntime({ config: { services: [...services, root] } });
  sql = api.runtime.database.sql;
  const body = { service: "root", key: "admin-key" };
  token = done(await api.request("POST", "/api/authenticate", { body })).json.access_token;
});
after(() => api.stop());

async function audit(query: Record<string, string> = {}): Promise<Row[]> {
  const { json } = done(await api.request("GET", `/api/audit?${new URLSearchParams({ limit: "200", ...query })}`));
  return json.rows;
}

/** Every page, from the newest row to the last. */
async function wholeAudit(query: Record<string, string>, pagesMax = 1000): Promise<{ rows: Row[]; pages: number }> {
  const rows: Row[] = [];
  let pages = 0;
  for (let cursor: string | null = ""; cursor !== null && pages < pagesMax; pages += 1) {
    const asked: string = new URLSearchParams({ ...query, cursor }).toString();
    const { json } = done(await api.request("GET", `/api/audit?${asked}`));
    rows.push(...json.rows);
    cursor = json.next_cursor;
  }
  return { rows, pages };
}

describe("a write", () => {
  it("is in the audit when it is answered: who, what, which, and the request's id", async () => {
    const made = done(
      await api.request("POST", "/api/key", {
        token,
        body: { name: "audited", roles: ["pause"] },
        headers: { "X-Request-Id": "trace-1" },
      }),
    );
    const [row] = await audit({ action: "key.create" });
    assert.ok(row);
    const { id, at, ...rest } = row;
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.match(at, /^\d{4}-.*\+00:00$/);
    const target = `/key/${made.json.id}`;
    assert.deepEqual(rest, { service: "root", action: "key.create", target, status: 200, request_id: "trace-1" });
    const gone = done(await api.request("DELETE", target.replace("/key", "/api/key"), { token }));
    const [revoked] = await audit({ action: "key.revoke" });
    assert.deepEqual([revoked?.target, revoked?.request_id], [target, gone.headers.get("x-request-id")]);
  });

  it("of a ship and of a pass is in it by name", async () => {
    done(await api.request("PUT", "/api/ship/AUDIT-1", { token, body: { format: "raw" } }));
    const [row] = await audit({ action: "ship.save" });
    assert.deepEqual([row?.service, row?.target], ["root", "/ship/AUDIT-1"]);
  });

  it("of jobs is in it, a list as one, and a dry run is not", async () => {
    const job = { queue: "audited", job_type: "cams", payload: 1 };
    const before = (await audit({ service: "root" })).length;
    done(await api.request("POST", "/api/dlq/redrive", { token, body: { filter: {}, dry_run: true } }));
    assert.equal((await audit({ service: "root" })).length, before);
    done(await api.request("POST", "/api/dlq/redrive", { token, body: { filter: {} } }));
    done(await api.request("PUT", "/api/queue/audited", { token, body: { paused: true } }));
    const one = await api.request("POST", "/api/job", { token, body: job });
    const actions = (await audit({ service: "root", limit: "3" })).map(({ action, target }) => [action, target]);
    if (one.status === 200) assert.deepEqual(actions.shift(), ["job.enqueue", `/job/${one.json.id}`]);
    assert.deepEqual(actions.slice(0, 2), [
      ["queue.set", "/queue/audited"],
      ["dlq.redrive", "/dlq/redrive"],
    ]);
  });

  it("of a template is in it, a check of one is not, and one that needs another role is a refusal", async () => {
    const headers = { "Content-Type": "application/yaml" };
    const source = (work: string) => `id: noted\nname: Noted\ntasks:\n  - { id: a, ${work} }\n`;
    const ask = { token, headers, body: source("compute: cams") };
    const before = (await audit({ service: "root" })).length;
    done(await api.request("POST", "/api/template/check", ask));
    assert.equal((await audit({ service: "root" })).length, before);
    done(await api.request("POST", "/api/template", ask));
    done(await api.request("DELETE", "/api/template/noted", { token }));
    assert.deepEqual(
      (await audit({ service: "root", limit: "2" })).map(({ action, target }) => [action, target]),
      [
        ["template.delete", "/template/noted"],
        ["template.store", "/template/noted"],
      ],
    );
    const publisher = await api.tokenOf("publisher");
    refused(
      await api.request("POST", "/api/template", { token: publisher, headers, body: source("command: ls") }),
      403,
    );
    await until("the refusal is stored", async () => {
      const [row] = await audit({ service: "publisher", limit: "1" });
      return row?.action === "template.store" && row.status === 403;
    });
  });

  it("of a worker's lease is kept as its attempts, and is not in it", async () => {
    const body = {
      worker_id: randomUUID(),
      name: "w",
      host: "h",
      version: "1",
      queues: ["none"],
      labels: [],
      count: 1,
      wait_s: 0,
      slots: 1,
      held: 0,
    };
    const before = (await audit({ service: "root" })).length;
    done(await api.request("POST", "/api/lease", { token, body }));
    assert.equal((await audit({ service: "root" })).length, before);
  });

  it("that is answered is there, for each of many at once, in few inserts", async () => {
    const names = Array.from({ length: 60 }, (_, i) => `CROWD-${i}`);
    await Promise.all(
      names.map(async (name) => {
        done(await api.request("PUT", `/api/ship/${name}`, { token, body: { format: "raw" } }));
        const rows = await sql`select 1 from audit where target = ${`/ship/${name}`}`;
        assert.equal(rows.length, 1, name);
      }),
    );
  });

  it("that fails, or only reads, is not in it", async () => {
    refused(await api.request("DELETE", `/api/key/${randomUUID()}`, { token }), 404);
    const before = await audit({ service: "root" });
    done(await api.request("GET", "/api/key", { token }));
    refused(await api.request("POST", "/api/key", { token, body: {} }), 422);
    refused(await api.request("DELETE", `/api/key/${randomUUID()}`, { token }), 404);
    assert.deepEqual(await audit({ service: "root" }), before);
  });
});

describe("a plan's write", () => {
  it("is in it by its event, and adds no row of its own", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    done(await scene.set("success", "a"));
    done(await scene.pause("pauser"));
    const rows = await audit({ dataset: scene.datasetId });
    const target = `/plan/${scene.datasetId}`;
    assert.deepEqual(
      rows.map((row) => [row.service, row.action, row.target, row.status, row.request_id]),
      [
        ["pauser", "dataset.pause", target, 200, null],
        ["admin", "products.update", target, 200, null],
        ["admin", "plan.publish", target, 200, null],
      ],
    );
    assert.deepEqual(await sql`select 1 from audit where dataset_id = ${scene.datasetId}::uuid`, []);
    assert.deepEqual(await audit({ action: "dataset.pause", service: "pauser" }), rows.slice(0, 1));
  });
});

describe("a refused write", () => {
  const rowsOf = (datasetId: string) => audit({ dataset: datasetId });

  it("is in it when it is known whose it was", async () => {
    const scene = new Scene(api);
    refused(await scene.pause("reader"), 403);
    await until("the refusal is stored", async () => (await rowsOf(scene.datasetId)).length === 1);
    const [row] = await rowsOf(scene.datasetId);
    assert.deepEqual(
      [row?.service, row?.action, row?.target, row?.status],
      ["reader", "dataset.pause", `/plan/${scene.datasetId}/pause`, 403],
    );
  });

  it("with a revoked key is in it under the key's name", async () => {
    const { json } = done(await api.request("POST", "/api/key", { token, body: { name: "left", roles: ["pause"] } }));
    done(await api.request("DELETE", `/api/key/${json.id}`, { token }));
    const scene = new Scene(api);
    const path = `/api/plan/${scene.datasetId}/pause`;
    refused(await api.request("PUT", path, { headers: { "x-api-key": json.key } }), 403);
    await until("the refusal is stored", async () => (await rowsOf(scene.datasetId)).length === 1);
    assert.equal((await rowsOf(scene.datasetId))[0]?.service, "left");
  });

  it("by nobody is not in it, and a service that is refused again and again fills no table", async () => {
    const scene = new Scene(api);
    const path = `/api/plan/${scene.datasetId}/pause`;
    for (const headers of [{}, { Authorization: "Bearer a.b.c" }, { "x-api-key": "orr_wrong" }])
      await api.request("PUT", path, { headers });
    for (let i = 0; i < 60; i++) refused(await scene.pause("disabler"), 403);
    await until("some are stored", async () => (await rowsOf(scene.datasetId)).length >= 20);
    const rows = await rowsOf(scene.datasetId);
    assert.ok(rows.length < 40, `${rows.length}`);
    assert.ok(rows.every(({ service }) => service === "disabler"));
  });
});

describe("the trail", () => {
  const entry = { service: "s", action: "a", target: "/t", status: 200, requestId: null, datasetId: null };
  const trailOn = (broken: Sql) => {
    const parts = { log: createLog("silent"), metrics: createMetrics(), now: () => api.runtime.clock.now() };
    return createAuditTrail({ ...parts, sql: broken });
  };
  /** Answers each statement by `run`. */
  const sqlBy = (run: (go: () => Promise<object[]>) => Promise<object[]>): Sql =>
    Object.assign(((...ask: Parameters<Sql>) => run(() => sql(...ask))) as Sql, sql);

  it("shares one insert between writes that end together, and one for those that come meanwhile", async () => {
    let inserts = 0;
    const trail = trailOn(
      sqlBy((go) => {
        inserts += 1;
        return go();
      }),
    );
    const first = Array.from({ length: 20 }, () => trail.wrote(entry));
    await Promise.resolve().then(() => {});
    const later = Array.from({ length: 20 }, () => trail.wrote(entry));
    await Promise.all([...first, ...later]);
    assert.ok(inserts <= 2, `${inserts}`);
    await trail.stop();
  });

  it("stores a row once when the answer of its insert was lost", async () => {
    let tries = 0;
    const trail = trailOn(
      sqlBy(async (go) => {
        const rows = await go();
        if (++tries === 1) throw new SqlError("unknown", null, "lost");
        return rows;
      }),
    );
    await trail.wrote({ ...entry, target: "/lost" });
    assert.equal(tries, 2);
    assert.equal((await sql`select 1 from audit where target = '/lost'`).length, 1);
  });

  it("does not let a write pass for done when its row cannot be stored", async () => {
    const trail = trailOn(sqlBy(() => Promise.reject(new SqlError("defect", null, "no"))));
    await assert.rejects(trail.wrote(entry), { code: "audit_unavailable", status: 503 });
    trail.refused(entry);
    await trail.stop();
  });

  it("is never changed", async () => {
    for (const change of ["update audit set service = 'x'", "delete from audit"]) {
      await assert.rejects(sql.query(change, []), /never changed/);
    }
  });
});

describe("reading the audit", () => {
  it("turns pages over both sources without losing or repeating a row", async () => {
    const scene = new Scene(api);
    const since = api.runtime.clock.now();
    for (let i = 0; i < 12; i++) {
      done(await scene.publish(`a b${i}`));
      done(await api.request("PUT", `/api/ship/PAGE-${i}`, { token, body: { format: "raw" } }));
    }
    const { rows, pages } = await wholeAudit({ since, limit: "5" });
    assert.ok(pages >= 5);
    assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
    assert.deepEqual(
      rows.map(({ action }) => action),
      Array.from({ length: 12 }, () => ["ship.save", "plan.publish"]).flat(),
    );
    const times = rows.map(({ at }) => at);
    assert.deepEqual(times, [...times].sort().reverse());
    const one = await wholeAudit({ dataset: scene.datasetId, limit: "5" });
    assert.deepEqual([one.rows.length, one.pages], [12, 3]);
  });

  it("finds what is old beyond a crowd of younger rows, and ends", async () => {
    const [first] = await sql<{ id: string }>`select gen_random_uuid() as id`;
    const datasetId = first?.id ?? "";
    const add = (at: string, service: string, count: number) => sql`
      insert into event (dataset_id, revision, part, turn_id, at, service, cause, changes)
      select ${datasetId}::uuid, (select coalesce(max(revision), 0) from event where dataset_id = ${datasetId}::uuid) + n, 0,
        gen_random_uuid(), ${at}::timestamptz + n * interval '1 millisecond', ${service}, 'crowd', '[]'
      from generate_series(1, ${count}::int) n`;
    await add("2001-01-01T00:00:00Z", "ancient", 3);
    await add("2020-01-01T00:00:00Z", "crowd", 25_000);
    // Which elsewhere autovacuum does, and the audit itself once a minute.
    await sql`select brin_summarize_new_values('event_at'::regclass)`;
    const of = (query: Record<string, string>) => wholeAudit({ limit: "200", ...query });
    assert.equal((await of({ service: "ancient" })).rows.length, 3);
    assert.equal((await of({ service: "ancient", dataset: datasetId })).rows.length, 3);
    assert.equal((await of({ service: "ancient", since: "2001-01-01T00:00:00.002Z" })).rows.length, 2);
    assert.equal((await of({ service: "nobody" })).rows.length, 0);
    const crowd = await wholeAudit({ limit: "200", service: "crowd" }, 3);
    assert.equal(new Set(crowd.rows.map(({ id }) => id)).size, 600);
  });

  it("asks for events by the summaries of their time, and for rows of its own by their ids", async () => {
    const planOf = async (text: string) => JSON.stringify(await sql.query(`explain ${text}`, []));
    const byTime = await planOf(
      "select dataset_id from event where at >= '2020-01-01' and at <= '2020-01-02' limit 20001",
    );
    assert.match(byTime, /Bitmap Index Scan on event_at/);
    const [least, greatest] = ["0".repeat(32), "f".repeat(32)];
    const byId = await sql.begin(async (tx) => {
      await tx`select set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`;
      const text =
        "explain select * from audit where audit_id < $1 and audit_id >= $2 order by audit_id desc limit 20000";
      return JSON.stringify(await tx.query(text, [greatest, least]));
    });
    assert.match(byId, /Index Scan Backward using audit_\w*pkey/);
    assert.doesNotMatch(byId, /Seq Scan/);
  });

  it("refuses what is no cursor, no date, no dataset", async () => {
    for (const query of ["cursor=nonsense", "cursor=%00", "since=today", "dataset=x", "limit=0", "limit=201"])
      refused(await api.request("GET", `/api/audit?${query}`), 400, query.split("=")[0] ?? "");
    assert.deepEqual((await audit({ service: "\u0000" })).length, 0);
  });
});
