/** Templates over HTTP: stored in versions, checked, paused, deleted; runs listed and cancelled; what commands are given. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { newUuid } from "../src/model/ids.ts";
import { startRun } from "../src/store/template-runs.ts";
import { until } from "./support/signal.ts";
import { openTemplateRuntime, type TemplateRuntime } from "./support/template-runs.ts";

let dir: string;
let runtime: TemplateRuntime;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-template-runs-"));
  runtime = await openTemplateRuntime(dir);
});
after(async () => {
  await runtime.node.stop();
  await rm(dir, { recursive: true });
});

const one = (id: string, task: string, more = "") => `id: ${id}\n${more}\ntasks:\n  - { id: a, ${task} }\n`;
const passbackOf = async (runId: string, name = "a") => (await runtime.products(runId)).get(name)?.passback;

describe("POST /api/template", () => {
  it("stores versions that never change, and the same text only once", async () => {
    const text = one("versions", 'command: "echo \'{\\"v\\":1}\'"');
    const first = await runtime.store(text);
    assert.deepEqual([first.status, first.json.version, first.json.modified_by], [200, 1, "owner"], first.text);
    assert.equal((await runtime.store(text)).json.version, 1);
    assert.equal((await runtime.store(text.replace("1}", "2}"))).json.version, 2);
    const { json } = await runtime.call("GET", "/template/versions/version");
    assert.deepEqual(
      json.map(({ version, origin, created_by }: Record<string, unknown>) => [version, origin, created_by]),
      [
        [2, "api", "owner"],
        [1, "api", "owner"],
      ],
    );
    const source = await runtime.call("GET", "/template/versions/source?version=1");
    assert.deepEqual(source.json, { id: "versions", version: 1, source: text });
    assert.equal((await runtime.as("publisher", "GET", "/template/versions/source")).status, 403);
    assert.equal((await runtime.node.request("GET", "/api/template/versions/source")).status, 401);
    assert.ok(!(await runtime.call("GET", "/template/versions")).text.includes("echo"));
  });

  it("keeps a run on its version when another is stored meanwhile", async () => {
    const text = (v: number) => one("pinned", `command: "echo '{\\"v\\":${v}}'"`);
    await runtime.store(text(1));
    const before = await runtime.trigger("pinned");
    await runtime.store(text(2));
    const after = await runtime.trigger("pinned");
    assert.deepEqual([(await runtime.ended(before)).version, (await runtime.ended(after)).version], [1, 2]);
    // Begun anew, the first one runs what it ran.
    const [product] = (await runtime.products(before)).values();
    const cleared = await runtime.call("PUT", `/data_product/${before}/clear`, [product?.id]);
    assert.equal(cleared.status, 200, cleared.text);
    await runtime.ended(before);
    assert.deepEqual([await passbackOf(before), await passbackOf(after)], [{ v: 1 }, { v: 2 }]);
  });

  it("takes JSON, and says line and column of a fault", async () => {
    const json = { id: "as-json", tasks: [{ id: "a", compute: "cams" }] };
    assert.equal((await runtime.call("POST", "/template", json)).json.id, "as-json");
    const wrong = await runtime.store("id: x\ntasks:\n  - id: a\n    comand: ls\n");
    assert.deepEqual(
      [wrong.status, wrong.json.code, wrong.json.line, wrong.json.column],
      [422, "invalid_template", 4, 5],
    );
    assert.match(wrong.json.detail, /^body:4:5: unknown key "comand"/);
    assert.match(
      (await runtime.store("tasks: [{ id: a, compute: cams }]")).json.detail,
      /a template that is no file needs one/,
    );
    assert.equal((await runtime.call("POST", "/template", "x", { "Content-Type": "image/png" })).status, 415);
    assert.equal((await runtime.store(`id: x\n# ${"x".repeat(1024 * 1024)}`)).status, 413);
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x,x]",
      ..."bcdefghi".split("").map((name, i) => `${name}: &${name} [${Array(10).fill(`*${"abcdefgh"[i]}`).join(",")}]`),
    ];
    assert.match((await runtime.store(bomb.join("\n"))).json.detail, /^body:\d+:\d+: not YAML: .*alias/i);
    const began = performance.now();
    assert.equal((await runtime.store(`tasks: ${"[".repeat(100_000)}`)).status, 422);
    assert.ok(performance.now() - began < 2_000);
  });

  it("needs the role admin where the template runs code of its own", async () => {
    const headers = { "Content-Type": "application/yaml" };
    const put = (body: string) => runtime.as("publisher", "POST", "/template", { body, headers });
    assert.equal((await put(one("roles", "command: ls"))).status, 403);
    assert.equal((await put(one("roles", "compute: cams"))).status, 200);
    await runtime.store(one("roles", "command: ls"));
    assert.equal((await put(one("roles", "compute: cams"))).status, 403);
    assert.equal((await runtime.as("publisher", "DELETE", "/template/roles")).status, 403);
    assert.equal(
      (await runtime.as("updater", "POST", "/template", { body: one("roles", "compute: cams"), headers })).status,
      403,
    );
    assert.equal((await runtime.node.request("POST", "/api/template", { body: "x", headers })).status, 401);
  });

  it("is checked without being stored", async () => {
    const headers = { "Content-Type": "application/yaml" };
    const check = (body: string) => runtime.as("publisher", "POST", "/template/check", { body, headers });
    const good = await check(one("checked", "command: ls", 'schedule: "0 3 * * *"'));
    assert.deepEqual([good.status, good.json.version, good.json.schedule.cron], [200, 0, "0 3 * * *"]);
    assert.equal((await check("id: x")).status, 422);
    assert.equal((await runtime.call("GET", "/template/checked")).status, 404);
  });

  it("is deactivated by DELETE: history stays, and storing brings it back", async () => {
    await runtime.store(one("gone", "command: 'true'"));
    const runId = await runtime.trigger("gone");
    await runtime.ended(runId);
    assert.equal((await runtime.call("DELETE", "/template/gone")).status, 200);
    assert.equal((await runtime.call("DELETE", "/template/gone")).status, 404);
    assert.equal((await runtime.call("GET", "/template/gone")).status, 404);
    assert.equal((await runtime.call("POST", "/template/gone/trigger", {})).status, 404);
    assert.equal((await runtime.call("GET", `/run/${runId}`)).json.template, "gone");
    assert.equal((await runtime.call("GET", "/template/gone/version")).json.length, 1);
    assert.equal((await runtime.store(one("gone", "command: 'true'"))).json.version, 1);
    await runtime.ended(await runtime.trigger("gone"));
  });
});

describe("PUT /api/template/{id}/pause", () => {
  it("says so, and is refused twice", async () => {
    await runtime.store(one("paused", "compute: cams", 'schedule: "0 3 * * *"'));
    assert.deepEqual([(await runtime.call("PUT", "/template/paused/pause")).json.paused], [true]);
    assert.equal((await runtime.call("PUT", "/template/paused/pause")).status, 409);
    assert.equal((await runtime.call("PUT", "/template/paused/unpause")).json.paused, false);
    assert.equal((await runtime.as("publisher", "PUT", "/template/paused/pause")).status, 403);
    const ticks = await runtime.call("GET", "/template/paused/tick");
    assert.match(ticks.json.next_at, /T03:00:00\.000000\+00:00$/);
  });
});

describe("what a command is given", () => {
  const nasty = "$(touch hacked); `touch hacked` 'x' \"y\" && touch hacked\n; rm -rf .";

  it("parameters as variables and as whole arguments, never as code", async () => {
    const text = `id: given
params: { x: string, n: integer, j: json }
tasks:
  - id: line
    command: 'printf "%s" "$ORRERY_PARAM_X" > line.out; printf "{\\"n\\":%s,\\"j\\":%s}" "$ORRERY_PARAM_N" "$ORRERY_PARAM_J"'
  - id: list
    command: [sh, -c, 'printf "%s" "$1" > list.out; printf "%s" "$2" > mixed.out', sh, "{{ params.x }}", "<{{ params.x }}|{{ params.n }}>"]
  - id: env
    command: 'printf "%s" "$OWN" > env.out'
    env: { OWN: "{{ params.x }}" }
`;
    assert.equal((await runtime.store(text)).status, 200);
    const runId = await runtime.trigger("given", { x: nasty, n: 7, j: { a: [1, "ü"] } });
    await runtime.ended(runId);
    const out = (name: string) => readFile(join(dir, name), "utf8");
    assert.deepEqual([await out("line.out"), await out("list.out"), await out("env.out")], [nasty, nasty, nasty]);
    assert.equal(await out("mixed.out"), `<${nasty}|7>`);
    assert.deepEqual(await passbackOf(runId, "line"), { n: 7, j: { a: [1, "ü"] } });
    assert.ok(!(await readdir(dir)).includes("hacked"));
  });

  it("a NUL in a parameter fails it for good, with the reason", async () => {
    const runId = await runtime.trigger("given", { x: "a\u0000b", n: 1, j: null });
    const run = await runtime.ended(runId, ["failed"]);
    assert.equal(run.tasks.failed, 3);
    const { sql } = runtime.node.runtime.database;
    const rows = await sql<{ error: string }>`
      select a.error from every_attempt a join job_record r using (job_id) where r.dataset_id = ${runId}::uuid`;
    assert.deepEqual(
      rows.map(({ error }) => error),
      Array(3).fill("a parameter holds a NUL, which no command can be given"),
    );
  });

  it("a script by its file, which is gone afterwards", async () => {
    const script = `
  - id: a
    interpreter: sh -u
    script: |
      case "$0" in */orrery-script-*) printf '{"path":"%s","x":"%s"}' "$0" "$ORRERY_PARAM_X" ;; esac
`;
    await runtime.store(`id: script\nparams: { x: string }\ntasks:${script}`);
    const runId = await runtime.trigger("script", { x: "1" });
    await runtime.ended(runId);
    const { path, x } = (await passbackOf(runId)) as { path: string; x: string };
    assert.equal(x, "1");
    await assert.rejects(readFile(path), /ENOENT/);
  });

  it("its queue, priority and labels, and a compute's settings, but not an external one's", async () => {
    await runtime.store(one("placed", "command: ls, queue: slow, priority: 7, requires: [nowhere], retries: 4"));
    const runId = await runtime.trigger("placed");
    const { sql } = runtime.node.runtime.database;
    const rows = await sql<object>`select queue, priority, requires::text as requires, attempts_max as attempts, state
      from job where dataset_id = ${runId}::uuid`;
    assert.deepEqual(rows, [{ queue: "slow", priority: 7, requires: "{nowhere}", attempts: 5, state: "queued" }]);
    await runtime.call("PUT", `/run/${runId}/cancel`);

    const fault = await runtime.store(one("external", "compute: cams, retries: 2"));
    assert.match(fault.json.detail, /retries is for what Orrery runs: compute "cams" is external/);
  });
});

describe("a condition", () => {
  const text = `id: cond
params: { rows: integer }
tasks:
  - { id: count, command: [printf, '{"rows":%s}', "{{ params.rows }}"] }
  - { id: enough, condition: parents.count.rows > 3, depends_on: [count] }
  - { id: load, command: "true", depends_on: [enough] }
  - { id: report, command: "true", depends_on: [load] }
  - { id: other, command: "true", depends_on: [count] }
`;
  it("that is false disables what comes after it, and enables it again when it comes true", async () => {
    await runtime.store(text);
    const runId = await runtime.trigger("cond", { rows: 3 });
    assert.deepEqual((await runtime.ended(runId)).tasks, { success: 3, disabled: 2 });
    const states = async () =>
      Object.fromEntries([...(await runtime.products(runId))].map(([name, { state }]) => [name, state]));
    assert.deepEqual(await states(), {
      count: "success",
      enough: "success",
      load: "disabled",
      report: "disabled",
      other: "success",
    });

    // Somebody reports a better count: what is downstream runs anew.
    const count = (await runtime.products(runId)).get("count");
    const report = [{ id: count?.id, state: "success", passback: { rows: 4 } }];
    assert.equal((await runtime.call("PUT", `/data_product/${runId}/update`, report)).status, 200);
    await until("all are success", async () => Object.values(await states()).every((state) => state === "success"));
    assert.deepEqual((await runtime.products(runId)).get("enough")?.passback, { condition: true });
  });

  it("leaves off what somebody else has disabled", async () => {
    const runId = await runtime.trigger("cond", { rows: 9 });
    await runtime.ended(runId);
    const products = await runtime.products(runId);
    const [enough, report] = [products.get("enough")?.id, products.get("report")?.id];
    assert.equal((await runtime.call("DELETE", `/data_product/${runId}`, [report])).status, 200);
    assert.equal((await runtime.call("PUT", `/data_product/${runId}/clear`, [enough])).status, 200);
    assert.deepEqual((await runtime.ended(runId)).tasks, { success: 4, disabled: 1 });
    assert.equal((await runtime.products(runId)).get("report")?.state, "disabled");
  });
});

describe("PUT /api/run/{run_id}/cancel", () => {
  it("stops every attempt, and nothing more begins", async () => {
    const text = `id: long
tasks:
  - { id: a, command: "echo $$ > pid; exec sleep 600" }
  - { id: b, command: "true", depends_on: [a] }
  - { id: c, command: "true" }
  - { id: w, wait: 1h }
`;
    await runtime.store(text);
    const runId = await runtime.trigger("long");
    await until(
      "it runs",
      async () => {
        const { tasks } = (await runtime.call("GET", `/run/${runId}`)).json;
        return (
          tasks.running >= 1 && tasks.success === 1 && (await readFile(join(dir, "pid"), "utf8").catch(() => "")) !== ""
        );
      },
      20_000,
    );
    const pid = Number(await readFile(join(dir, "pid"), "utf8"));
    assert.equal((await runtime.as("publisher", "PUT", `/run/${runId}/cancel`)).status, 403);
    const cancelled = await runtime.call("PUT", `/run/${runId}/cancel`);
    assert.deepEqual(
      [cancelled.status, cancelled.json.state, cancelled.json.tasks],
      [200, "cancelled", { disabled: 3, success: 1 }],
    );
    await until("the command is gone", () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
    assert.equal((await runtime.call("PUT", `/run/${runId}/cancel`)).json.state, "cancelled");
    const { sql } = runtime.node.runtime.database;
    await until(
      "no job is left",
      async () => (await sql`select 1 from job where dataset_id = ${runId}::uuid`).length === 0,
    );
    const list = await runtime.call("GET", "/run?template=long&state=cancelled");
    assert.deepEqual(
      list.json.rows.map(({ id }: { id: string }) => id),
      [runId],
    );

    // Enabled by hand it goes on, and is no longer cancelled.
    const c = [...(await runtime.products(runId)).values()]
      .filter(({ state }) => state === "disabled")
      .map(({ id }) => id);
    await runtime.call("PUT", `/data_product/${runId}/enable`, c.slice(-1));
    await until(
      "it is not cancelled",
      async () => (await runtime.call("GET", `/run/${runId}`)).json.state !== "cancelled",
    );
  });

  it("of one whose plan is not made yet keeps it from being made", async () => {
    const runId = newUuid();
    const { sql } = runtime.node.runtime.database;
    // Its job comes only after it was cancelled.
    const order = {
      runId,
      templateId: "long",
      version: 1,
      source: "api" as const,
      sourceKey: runId,
      params: {},
      triggeredBy: "test",
      forAt: null,
    };
    await sql.begin(async (tx) => {
      await startRun(tx, { ...order, at: new Date().toISOString() });
      await tx`update template_run set cancelled_at = now(), state = 'cancelled', finished_at = now() where run_id = ${runId}::uuid`;
    });
    await until(
      "its job has ended",
      async () =>
        (await sql`select 1 from job_source s join job_end e using (job_id) where source_key = ${runId}`).length === 1,
    );
    assert.equal((await runtime.call("GET", `/plan/${runId}`)).status, 404);
    assert.deepEqual([(await runtime.call("GET", `/run/${runId}`)).json.state], ["cancelled"]);
  });

  it("is refused of a run that has ended, and of none", async () => {
    await runtime.store(one("short", "command: 'true'"));
    const runId = await runtime.trigger("short");
    await runtime.ended(runId);
    const answer = await runtime.call("PUT", `/run/${runId}/cancel`);
    assert.deepEqual([answer.status, answer.json.state], [409, "success"]);
    assert.equal((await runtime.call("PUT", `/run/${newUuid()}/cancel`)).status, 404);
    assert.equal((await runtime.call("PUT", "/run/x/cancel")).status, 400);
  });
});

describe("GET /api/run", () => {
  it("lists runs newest first, in pages, by template and state", async () => {
    await runtime.store(one("listed", "command: 'true'"));
    await runtime.store(one("listed-failed", "command: 'false', retries: 0"));
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift(await runtime.trigger("listed"));
    for (const id of ids) await runtime.ended(id);
    const failed = await runtime.trigger("listed-failed");
    assert.deepEqual((await runtime.ended(failed, ["failed"])).tasks, { failed: 1 });

    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = cursor === "" ? "" : `&cursor=${cursor}`;
      const page = await runtime.node.request("GET", `/api/template/listed/run?limit=2${query}`);
      assert.equal(page.status, 200, page.text);
      seen.push(...page.json.rows.map(({ id }: { id: string }) => id));
      cursor = page.json.next_cursor;
    }
    assert.deepEqual(seen, ids);
    const rows = (await runtime.call("GET", "/run?state=failed&template=listed-failed")).json.rows;
    assert.deepEqual(
      rows.map(({ id }: { id: string }) => id),
      [failed],
    );
    assert.equal((await runtime.call("GET", "/run?state=lost")).status, 400);
    assert.equal((await runtime.call("GET", "/run?cursor=nonsense")).status, 400);
    assert.equal((await runtime.call("GET", `/run/${newUuid()}`)).status, 404);
  });

  it("shows a run of a plan that is paused, and of one that failed and was begun anew", async () => {
    const runId = await runtime.trigger("listed-failed");
    await runtime.ended(runId, ["failed"]);
    const { json } = await runtime.call("GET", `/plan/${runId}`);
    assert.equal((await runtime.call("PUT", `/plan/${runId}/pause`)).status, 200);
    assert.equal((await runtime.call("PUT", `/data_product/${runId}/clear`, [json.data_products[0].id])).status, 200);
    const paused = await runtime.ended(runId, ["paused"]);
    assert.equal(paused.finished_at, null);
  });
});

describe("a container", () => {
  /** Writes down its arguments and its file of variables, as the engine's command would read it. */
  const standIn = (log: string) => `#!/bin/sh
printf '%s\\n' "$*" >> ${log}
[ "$1" = run ] || exit 0
while [ $# -gt 0 ]; do [ "$1" = --env-file ] && file=$2; shift; done
cat "$file" >> ${log}
grep -q ORRERY_PARAM_X=stay "$file" && exec sleep 600
printf '{"x":"%s"}\\n' "$(sed -n 's/^ORRERY_PARAM_X=//p' "$file")"
`;

  it("is run by the command line that is there, with values by a file, and removed when it is cancelled", async () => {
    const bin = await mkdtemp(join(tmpdir(), "orrery-bin-"));
    const log = join(bin, "log");
    await writeFile(join(bin, "docker"), standIn(log));
    await chmod(join(bin, "docker"), 0o755);
    const before = process.env.PATH;
    process.env.PATH = `${bin}:${before}`;
    try {
      const task =
        'container: { image: alpine, args: [echo, "{{ params.x }}"], memory_mb: 64 }, env: { OWN: "<{{ params.x }}>" }';
      await runtime.store(one("box", task, "params: { x: string }"));
      const runId = await runtime.trigger("box", { x: "a b" });
      await runtime.ended(runId);
      assert.deepEqual(await passbackOf(runId), { x: "a b" });
      const lines = await readFile(log, "utf8");
      assert.match(lines, /^run .*--network[ =]none.*--memory[ =]64m.* -- alpine echo a b$/m);
      assert.match(lines, /^OWN=<a b>$/m);

      const long = await runtime.trigger("box", { x: "stay" });
      await until("it runs", async () => (await readFile(log, "utf8")).includes("echo stay"));
      await runtime.call("PUT", `/run/${long}/cancel`);
      await until("it is removed", async () => /^rm /m.test(await readFile(log, "utf8")));
    } finally {
      process.env.PATH = before;
      await rm(bin, { recursive: true });
    }
  });
});

describe("a request", () => {
  it("carries parameters in its address, headers and body, and is refused of private addresses unless allowed", async () => {
    const asked: { method: string; path: string; header: string; body: string }[] = [];
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      asked.push({
        method: request.method ?? "",
        path: request.url ?? "",
        header: String(request.headers["x-day"]),
        body,
      });
      response.setHeader("Content-Type", "application/json").end('{"taken":18446744073709551615}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const text = (allow: boolean) => `id: request
params: { x: string, n: integer }
tasks:
  - id: a
    retries: 0
    http:
      url: "http://127.0.0.1:${port}/in/{{ params.x }}?n={{ params.n }}"
      method: PUT
      headers: { X-Day: "{{ params.x }}" }
      body: { n: "{{ params.n }}", text: "x={{ params.x }}" }
      allow_private: ${allow}
`;
    try {
      await runtime.store(text(false));
      await runtime.ended(await runtime.trigger("request", { x: "1", n: 2 }), ["failed"]);
      assert.deepEqual(asked, []);
      await runtime.store(text(true));
      const runId = await runtime.trigger("request", { x: "../a\r\nB: c", n: "18446744073709551615" });
      await runtime.ended(runId);
      assert.deepEqual(
        asked.map(({ method, path, header }) => [method, path, header]),
        [["PUT", "/in/..%2Fa%0D%0AB%3A%20c?n=18446744073709551615", "../a B: c"]],
      );
      assert.equal(asked.map(({ body }) => body).join(), '{"n":18446744073709551615,"text":"x=../a\\r\\nB: c"}');
      const { text: product } = await runtime.call("GET", `/plan/${runId}`);
      assert.ok(product.includes('"passback":{"taken":18446744073709551615}'));
    } finally {
      server.close();
    }
  });
});

describe("a run whose plan cannot be made", () => {
  it("is failed, and stays so however often it is looked at", async () => {
    await runtime.store(one("strict", "compute: cams", "params: { n: { type: integer, required: true } }"));
    const runId = newUuid();
    const { sql } = runtime.node.runtime.database;
    const order = { runId, templateId: "strict", version: 1, source: "cron" as const, sourceKey: runId, params: {} };
    await sql.begin((tx) => startRun(tx, { ...order, triggeredBy: "test", forAt: null, at: new Date().toISOString() }));
    await runtime.ended(runId, ["failed"]);
    assert.deepEqual((await runtime.ended(runId, ["failed"])).tasks, {});
    const { rows } = (await runtime.call("GET", "/template/strict/run?state=failed")).json;
    assert.equal(rows[0]?.id, runId);
  });
});

describe("a trigger whose node ended before it made the plan", () => {
  it("has a job that makes it", async () => {
    await runtime.store(one("later", "command: 'true'"));
    const [runId, triggered] = [newUuid(), await runtime.trigger("later")];
    const { sql } = runtime.node.runtime.database;
    const jobs = await sql<{ state: string }>`
      select state from job j join job_source s using (job_id) where s.source_key = ${triggered}`;
    assert.deepEqual(jobs, [{ state: "scheduled" }]);
    const order = { runId, templateId: "later", version: 1, source: "manual" as const, sourceKey: runId, params: {} };
    await sql.begin((tx) =>
      startRun(tx, { ...order, triggeredBy: "test", forAt: null, at: new Date().toISOString(), planInMs: 100 }),
    );
    await runtime.ended(runId);
  });
});

describe("what a task is expected to be", () => {
  it("fails it when its passback breaks the check, and gives it the sooner deadline", async () => {
    const text = `id: expected
deadline: 1h
tasks:
  - { id: a, command: "echo '{\\"rows\\":0}'", check: { required: [rows], properties: { rows: { minimum: 1 } } }, retries: 0 }
  - { id: b, command: "true", depends_on: [a], deadline: 30m }
  - { id: c, command: "true" }
`;
    assert.equal((await runtime.store(text)).status, 200);
    const runId = await runtime.trigger("expected");
    await runtime.ended(runId, ["failed"]);
    const products = await runtime.products(runId);
    assert.deepEqual([products.get("a")?.state, products.get("b")?.state], ["failed", "waiting"]);
    const rows = await runtime.node.runtime.database.sql<{ name: string; deadlineS: number | null }>`
      select p.name, round(extract(epoch from e.deadline_at - d.modified_at))::int as "deadlineS"
      from expectation e join product p using (dataset_id, product_id) join dataset d on d.dataset_id = e.dataset_id
      where e.dataset_id = ${runId}::uuid order by p.name`;
    assert.deepEqual(rows, [
      { name: "a", deadlineS: null },
      { name: "b", deadlineS: 1_800 },
      { name: "c", deadlineS: 3_600 },
    ]);
    const wrong = await runtime.store(text.replace("minimum: 1", "minimum: one"));
    assert.deepEqual([wrong.status, wrong.json.line], [422, 4], wrong.text);
  });
});

describe("the audit", () => {
  it("names who stored, paused and cancelled what, and nothing that was only looked at", async () => {
    const { rows } = (await runtime.call("GET", "/audit?service=owner&limit=200")).json;
    const seen = new Set(rows.map(({ action }: { action: string }) => action));
    for (const action of ["template.store", "template.delete", "template.pause", "template.unpause", "run.cancel"])
      assert.ok(seen.has(action), `${action} is missing among ${[...seen].join()}`);
    const stored = rows.find(({ target }: { target: string }) => target === "/template/expected");
    assert.equal(stored?.action, "template.store");
    assert.ok(!rows.some(({ target }: { target: string }) => target.includes("check")));
  });
});
