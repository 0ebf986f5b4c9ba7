/** API keys: who they let pass, what they are refused, how they end, and that nobody ever reads one again. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createApiKeys } from "../src/http/api-keys.ts";
import { roles } from "../src/model/service.ts";
import { createLog } from "../src/observe/log.ts";
import { open } from "../src/runtime.ts";
import { done, refused, Scene } from "./support/http.ts";
import { type Answer, type Ask, openTestRuntime, requester, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const rootHash = services.find(({ service }) => service === "admin")?.hash ?? "";
const root = { service: "root", hash: rootHash, roles: [...roles] };

let api: TestRuntime;
let rootToken: string;
const lines: string[] = [];

before(async () => {
  const log = createLog("trace", { write: (line) => void lines.push(line) });
  api = await openTestRuntime({ config: { services: [...services, root] }, log });
  rootToken = await logInAsRoot(api);
});
after(() => api.stop());

async function logInAsRoot({ request }: TestRuntime): Promise<string> {
  const body = { service: "root", key: "admin-key" };
  return done(await request("POST", "/api/authenticate", { body })).json.access_token;
}

interface MadeKey {
  readonly id: string;
  readonly name: string;
  readonly key: string;
}

let named = 0;
async function makeKey(keyRoles: readonly string[], more: Record<string, unknown> = {}): Promise<MadeKey> {
  const body = { name: `key-${++named}`, roles: keyRoles, ...more };
  return done(await api.request("POST", "/api/key", { token: rootToken, body })).json;
}

const revoke = (id: string) => api.request("DELETE", `/api/key/${id}`, { token: rootToken });

/** Gets past the guard when the dataset is missed. */
const pause = (ask: Ask) => api.request("PUT", `/api/plan/${randomUUID()}/pause`, ask);

function refusedKey(answer: Answer): void {
  refused(answer, 403);
  assert.equal(answer.json.code, "token_refused");
}

describe("a key", () => {
  it("passes as x-api-key and as a Bearer in any letter case", async () => {
    const { key } = await makeKey(["pause"]);
    refused(await pause({ headers: { "x-api-key": key } }), 404);
    refused(await pause({ headers: { "X-API-KEY": ` ${key} ` } }), 404);
    for (const scheme of ["Bearer", "bearer", "BEARER"])
      refused(await pause({ headers: { Authorization: `${scheme} ${key}` } }), 404);
  });

  it("is what counts beside another scheme, and is not looked at beside a Bearer", async () => {
    const { key } = await makeKey(["pause"]);
    refused(await pause({ headers: { Authorization: "Basic cHJveHk6cGFzcw==", "x-api-key": key } }), 404);
    refused(await pause({ token: await api.tokenOf("pauser"), headers: { "x-api-key": "orr_wrong" } }), 404);
    refused(await pause({ token: await api.tokenOf("reader"), headers: { "x-api-key": key } }), 403, "reader", "pause");
    refusedKey(await pause({ token: "not.a.token", headers: { "x-api-key": key } }));
  });

  it("has some 256 random bits, and is shown once", async () => {
    const made = await makeKey(["pause", "pause"]);
    assert.match(made.key, /^orr_[0-9a-f]{32}_[\w-]{43}$/);
    const answer = await api.request("GET", "/api/key", { token: rootToken });
    const row = done(answer).json.find(({ id }: MadeKey) => id === made.id);
    assert.deepEqual(Object.keys(row).sort(), [
      "created_at",
      "created_by",
      "expires_at",
      "id",
      "last_used_at",
      "name",
      "roles",
      "ships",
    ]);
    assert.deepEqual([row.name, row.roles, row.created_by], [made.name, ["pause"], "root"]);
    assert.deepEqual([row.ships, row.last_used_at], [null, null]);
    assert.equal(answer.headers.get("cache-control"), "no-store");
  });

  it("stamps what it writes with its name", async () => {
    const { key, name } = await makeKey(["publish"]);
    const scene = new Scene(api);
    const answer = done(
      await api.request("POST", "/api/plan", { body: scene.body("a"), headers: { "x-api-key": key } }),
    );
    assert.equal(answer.json.dataset.modified_by, name);
  });

  it("says when it was used, a minute apart at most", async () => {
    const { key, id } = await makeKey(["pause"]);
    const lastUsed = async () =>
      done(await api.request("GET", "/api/key", { token: rootToken })).json.find((row: MadeKey) => row.id === id)
        .last_used_at;
    await pause({ headers: { "x-api-key": key } });
    await until("the use is noted", async () => (await lastUsed()) !== null);
    const first = await lastUsed();
    await pause({ headers: { "x-api-key": key } });
    await pause({ headers: { "x-api-key": (await makeKey(["pause"])).key } });
    assert.equal(await lastUsed(), first);
  });
});

describe("roles of keys", () => {
  const ds = randomUUID();
  const key = { name: "never made", roles: [] };
  const routes: readonly [string, string, string, unknown][] = [
    ["publish", "POST", "/api/plan", new Scene({} as TestRuntime).body("a")],
    ["publish", "POST", "/api/template/none/trigger", {}],
    ["publish", "PUT", `/api/ship/${"x".repeat(300)}`, { format: "raw" }],
    ["publish", "PUT", `/api/pass/${ds}/cancel`, undefined],
    ["update", "PUT", `/api/data_product/${ds}/update`, []],
    ["update", "PUT", `/api/data_product/${ds}/clear`, []],
    ["pause", "PUT", `/api/plan/${ds}/pause`, undefined],
    ["pause", "PUT", `/api/plan/${ds}/unpause`, undefined],
    ["disable", "DELETE", `/api/data_product/${ds}`, []],
    ["disable", "PUT", `/api/data_product/${ds}/enable`, []],
    ["admin", "GET", "/api/key", undefined],
    ["admin", "POST", "/api/key", { name: "publisher", roles: ["pause"] }],
    ["admin", "DELETE", `/api/key/${ds}`, undefined],
  ];
  for (const role of roles) {
    it(`let ${role} write what is ${role}'s and nothing else`, async () => {
      const made = await makeKey([role]);
      for (const [needed, method, path, body] of routes) {
        const answer = await api.request(method, path, { body, headers: { "x-api-key": made.key } });
        if (needed !== role) refused(answer, 403, made.name, needed);
        else assert.ok(![401, 403].includes(answer.status), `${method} ${path}: ${answer.text}`);
      }
    });
  }

  it("are checked after the body, as the contract says", async () => {
    const made = await makeKey(["pause"]);
    const headers = { "x-api-key": made.key };
    refused(await api.request("POST", "/api/plan", { body: "{", headers }), 400);
    refused(await api.request("POST", "/api/plan", { body: "{", headers: { "x-api-key": "orr_wrong" } }), 403);
    refused(await api.request("POST", "/api/key", { body: key, headers }), 422);
  });
});

describe("making a key", () => {
  const make = (body: unknown) => api.request("POST", "/api/key", { token: rootToken, body });

  it("refuses the name of a configured service, ours, and that of another key", async () => {
    for (const name of ["publisher", "root", "orrery"]) refused(await make({ name, roles: ["pause"] }), 409, name);
    const { name, id } = await makeKey(["pause"]);
    refused(await make({ name, roles: ["pause"] }), 409, name);
    done(await revoke(id));
    done(await make({ name, roles: ["pause"] }));
  });

  it("names the field that is wrong", async () => {
    const wrong: [string, unknown][] = [
      ["name", { roles: ["pause"] }],
      ["name", { name: "", roles: ["pause"] }],
      ["name", { name: "a\nb", roles: ["pause"] }],
      ["name", { name: "<b>", roles: ["pause"] }],
      ["name", { name: "x".repeat(101), roles: ["pause"] }],
      ["name", { name: 1, roles: ["pause"] }],
      ["roles", { name: "ok" }],
      ["roles", { name: "ok", roles: [] }],
      ["roles.1", { name: "ok", roles: ["pause", "Admin"] }],
      ["expires_at", { name: "ok", roles: ["pause"], expires_at: "tomorrow" }],
      ["expires_at", { name: "ok", roles: ["pause"], expires_at: "2020-01-01T00:00:00Z" }],
    ];
    for (const [field, body] of wrong) {
      const answer = await make(body);
      refused(answer, 422);
      assert.deepEqual([answer.json.code, answer.json.field], ["invalid_field", field], JSON.stringify(body));
    }
    refused(await make("{"), 400);
  });

  it("of one name at once makes one", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => make({ name: "rush", roles: ["pause"] })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409, 409, 409]);
  });
});

describe("a key that is none", () => {
  it("is refused with 403, whatever it looks like", async () => {
    const { key, id } = await makeKey(["pause"]);
    const other = await makeKey(["pause"]);
    const [, keyId = "", secret = ""] = key.split(/_(?=[0-9a-f]{32}_)|(?<=[0-9a-f]{32})_/);
    const hostile = [
      "orr_",
      "orr_x",
      "ORR_X",
      "secret",
      key.slice(0, -1),
      `${key}A`,
      key.toUpperCase(),
      key.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
      `orr_${randomUUID().replaceAll("-", "")}_${secret}`,
      `orr_${id}_${secret}`,
      `orr_${keyId}_${other.key.slice(-43)}`,
      `orr_${keyId}_' or '1'='1`,
      `orr_${keyId}_${"a".repeat(7000)}`,
      `${key} ${key}`,
    ];
    for (const text of hostile) {
      refusedKey(await pause({ headers: { "x-api-key": text } }));
      if (text.startsWith("orr_")) refusedKey(await pause({ headers: { Authorization: `Bearer ${text}` } }));
    }
    refused(await pause({ headers: { "x-api-key": key } }), 404);
  });

  it("is 401 when it is empty, as is no key", async () => {
    refused(await pause({ headers: { "x-api-key": "" } }), 401);
    refused(await pause({ headers: { "x-api-key": "  " } }), 401);
    refused(await pause({}), 401);
  });

  it("is refused once it has expired", async () => {
    const { key, id } = await makeKey(["pause"], { expires_at: new Date(Date.now() + 3_600_000).toISOString() });
    refused(await pause({ headers: { "x-api-key": key } }), 404);
    const { database } = api.runtime;
    const clock = { nowMs: Date.now() };
    const keys = createApiKeys({ database, services: [], log: createLog("silent"), nowMs: () => clock.nowMs });
    assert.equal((await keys.callerOf(key)).roles[0], "pause");
    clock.nowMs += 3_600_000;
    await assert.rejects(keys.callerOf(key), { code: "token_refused" });
    await keys.stop();
    done(await revoke(id));
  });

  it("is refused under the name of a service that was configured later", async () => {
    const { key, name } = await makeKey(["pause"]);
    const { database } = api.runtime;
    const later = { service: name, hash: rootHash, roles: [] };
    const keys = createApiKeys({ database, services: [later], log: createLog("silent") });
    await assert.rejects(keys.callerOf(key), { code: "token_refused" });
    await keys.stop();
  });
});

describe("a revoked key", () => {
  it("is refused at once, and cannot be revoked twice", async () => {
    const { key, id, name } = await makeKey(["pause"]);
    refused(await pause({ headers: { "x-api-key": key } }), 404);
    const answer = done(await revoke(id));
    assert.equal(answer.json.id, id);
    refusedKey(await pause({ headers: { "x-api-key": key } }));
    refused(await revoke(id), 404, id);
    refused(await revoke("nonsense"), 400);
    const { json } = done(await api.request("GET", "/api/key", { token: rootToken }));
    assert.ok(!json.some((row: MadeKey) => row.name === name));
  });

  it("may revoke itself", async () => {
    const { key, id } = await makeKey(["admin"]);
    done(await api.request("DELETE", `/api/key/${id}`, { headers: { "x-api-key": key } }));
    refusedKey(await api.request("GET", "/api/key", { headers: { "x-api-key": key } }));
  });

  it("is refused by another node that never hears of it within 2 s, and asks the store no more often than that", async () => {
    const { key, id } = await makeKey(["pause"]);
    const { database } = api.runtime;
    let asked = 0;
    const counting = Object.assign(
      ((...ask: Parameters<typeof database.sql>) => {
        asked += 1;
        return database.sql(...ask);
      }) as typeof database.sql,
      database.sql,
    );
    const clock = { ms: 0 };
    const deaf = { sql: counting, notify: () => {}, listen: async () => async () => {} };
    const keys = createApiKeys({ database: deaf, services: [], log: createLog("silent"), monotonicMs: () => clock.ms });
    await keys.callerOf(key);
    await until("its use is noted", () => asked === 2);
    for (let i = 0; i < 100; i++) await keys.callerOf(key);
    assert.equal(asked, 2);
    done(await revoke(id));
    clock.ms += 2000;
    await assert.rejects(keys.callerOf(key), { code: "token_refused" });
    await keys.stop();
  });

  it("is refused by another node as soon as the hint is there", async (t) => {
    const { databaseUrl } = api.config;
    if (databaseUrl === null) return t.skip("the embedded store serves one node");
    const node = await open({ ...api.config, port: 0 }, { log: createLog("silent") });
    try {
      const request = requester(node.url ?? "");
      const { key, id } = await makeKey(["pause"]);
      const there = () => request("PUT", `/api/plan/${randomUUID()}/pause`, { headers: { "x-api-key": key } });
      refused(await there(), 404);
      const startMs = performance.now();
      done(await revoke(id));
      await until("the other node refuses it", async () => (await there()).status === 403, 2000);
      assert.ok(performance.now() - startMs < 2000);
    } finally {
      await node.stop();
    }
  });

  it("of an answer that was under way is not kept", async () => {
    const { key } = await makeKey(["pause"]);
    const { database } = api.runtime;
    const held: (() => void)[] = [];
    let isHeld = true;
    const sql = Object.assign(
      (async (...ask: Parameters<typeof database.sql>) => {
        const rows = await database.sql(...ask);
        if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
        return rows;
      }) as typeof database.sql,
      database.sql,
    );
    const keys = createApiKeys({ database: { ...database, sql }, services: [], log: createLog("silent") });
    const early = keys.callerOf(key);
    await until("the store has answered", () => held.length === 1);
    const [, keyId = ""] = /^orr_(\w{32})/.exec(key) ?? [];
    const id = keyId.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    done(await revoke(id));
    keys.changed(id);
    isHeld = false;
    held[0]?.();
    await early;
    await assert.rejects(keys.callerOf(key), { code: "token_refused" });
    await keys.stop();
  });
});

describe("the text of a key", () => {
  it("is in no log line, no list, no audit row, no error and no table", async () => {
    const made = await makeKey(["pause", "admin"]);
    const headers = { "x-api-key": made.key };
    const secret = made.key.slice(-43);
    const answers = [
      await pause({ headers }),
      await api.request("GET", "/api/key", { headers }),
      await api.request("POST", "/api/key", { headers, body: { name: made.key, roles: [made.key] } }),
      await pause({ headers: { "x-api-key": `${made.key}x` } }),
      await pause({ headers: { Authorization: `Bearer ${made.key}x` } }),
      await api.request("PUT", `/api/data_product/${randomUUID()}/update`, { headers, body: [] }),
      await api.request("GET", `/api/audit?limit=200`),
      await api.request("GET", "/metrics"),
      await revoke(made.id),
      await pause({ headers }),
    ];
    for (const { text } of answers) assert.ok(!text.includes(secret), text);
    assert.ok(lines.length > 10);
    assert.ok(!lines.join("").includes(secret));
    const { sql } = api.runtime.database;
    for (const table of ["api_key", "audit", "event"]) {
      const rows = await sql.query(`select t::text as row from ${table} t`, []);
      assert.ok(!JSON.stringify(rows).includes(secret), table);
    }
  });
});
