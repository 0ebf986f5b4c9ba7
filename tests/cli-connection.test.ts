/** How commands find their server, as whom they speak, how patient they are, and what their exit codes tell. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { serve } from "../src/http/serve.ts";
import { developmentIdentity } from "../src/services.ts";
import { runOrrery } from "./support/process.ts";

/** A listener that answers as it is told, and remembers what it was asked: it stands for any server, also for one that is none of ours. */
interface Asked {
  readonly path: string;
  readonly method: string;
  readonly authorization: string | null;
}
const asked: Asked[] = [];
let answer: () => Response = () => Response.json([]);
let server: ReturnType<typeof serve>;
let url = "";
const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-"));
const home = join(cwd, "home");

before(() => {
  server = serve({
    host: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url);
      asked.push({
        path: pathname + search,
        method: request.method,
        authorization: request.headers.get("Authorization"),
      });
      return answer();
    },
  });
  url = `http://127.0.0.1:${server.port}`;
});
after(async () => {
  await server.close();
  rmSync(cwd, { recursive: true, force: true });
});
beforeEach(() => {
  asked.length = 0;
  answer = () => Response.json([]);
});

const run = (args: readonly string[], env: Record<string, string> = {}, folder = cwd) =>
  runOrrery(args, { cwd: folder, env: { XDG_CONFIG_HOME: home, ...env } });

const problem = (status: number, members: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ type: "about:blank", title: "T", status, ...members }), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });

describe("a command's server", () => {
  it("is what --url says, else ORRERY_URL, also from .env, else the current context", async () => {
    const folder = join(cwd, "contexts");
    mkdirSync(join(home, "orrery"), { recursive: true });
    mkdirSync(folder, { recursive: true });
    const contexts = `current: here\ncontexts:\n  here: { url: "${url}/here", token: orr_here }\n  other: { url: "${url}/other", token: orr_other }\n`;
    writeFileSync(join(home, "orrery", "config.yaml"), contexts);
    const told = async (args: readonly string[], env: Record<string, string> = {}) => {
      asked.length = 0;
      const { code, stderr } = await run(["queues", "list", ...args], env, folder);
      assert.equal(code, 0, stderr);
      return [asked[0]?.path, asked[0]?.authorization];
    };
    assert.deepEqual(await told([]), ["/here/api/queue", "Bearer orr_here"]);
    assert.deepEqual(await told(["--context", "other"]), ["/other/api/queue", "Bearer orr_other"]);
    assert.deepEqual(await told([], { ORRERY_URL: `${url}/env`, ORRERY_TOKEN: "t" }), ["/env/api/queue", "Bearer t"]);
    assert.deepEqual(
      await told([], { ORRERY_URL: `${url}/env` }),
      ["/env/api/queue", null],
      "a context's token stays with its address",
    );
    assert.deepEqual(await told(["--url", `${url}/flag/`, "--token", "f"], { ORRERY_URL: "http://nowhere.invalid" }), [
      "/flag/api/queue",
      "Bearer f",
    ]);
    writeFileSync(join(folder, ".env"), `ORRERY_URL=${url}/file\nORRERY_TOKEN=e\n`);
    assert.deepEqual(await told([]), ["/file/api/queue", "Bearer e"]);

    const unknown = await run(["queues", "list", "--context", "none"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /it has here, other/);
    writeFileSync(join(home, "orrery", "config.yaml"), "contexts:\n  here: { adress: x }\n");
    const wrong = await run(["queues", "list"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /config\.yaml:2:\d+: /);
    rmSync(join(home, "orrery"), { recursive: true });
  });

  it("on this machine takes the development service's token, and makes no identity where there is none", async () => {
    await run(["queues", "list", "--url", url]);
    assert.equal(asked[0]?.authorization, null);
    const { service } = developmentIdentity(join(cwd, "data")).service;
    await run(["queues", "list", "--url", url]);
    const [, claims = ""] = (asked[1]?.authorization ?? "").split(".");
    assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).sub, service);
    await run(["queues", "list", "--url", url], { REMOTE_APIS: "[]" });
    assert.equal(asked[2]?.authorization, null, "a server with services of its own knows no such service");
  });

  it("must be an address, the token one word", async () => {
    assert.equal((await run(["queues", "list", "--url", "localhost:3000"])).code, 2);
    const { code, stderr } = await run(["queues", "list", "--url", url, "--token", "two words"]);
    assert.deepEqual([code, /holds spaces/.test(stderr), stderr.includes("two words")], [2, true, false]);
    for (const args of [
      ["queues", "list", "--token", ""],
      ["worker", "--token", "--", "true"],
    ]) {
      const empty = await run([...args, "--url", url]);
      assert.deepEqual([empty.code, /^orrery: --token is empty: /.test(empty.stderr)], [2, true], empty.stderr);
    }
  });
});

describe("a command ends", () => {
  const codeOf = async (args: readonly string[] = ["jobs", "show", randomUUID(), "--url", url]) => {
    const { code, stderr } = await run(args);
    assert.doesNotMatch(stderr, /\n\s+at /, "no stack trace");
    return { code, stderr };
  };

  it("with 3 for what does not exist, and says when the server is too old", async () => {
    answer = () => problem(404, { code: "not_found", detail: "There is no job x" });
    assert.deepEqual(await codeOf(), { code: 3, stderr: "orrery: There is no job x\n" });
    answer = () => new Response("<html>", { status: 404 });
    assert.match((await codeOf()).stderr, /older than this program/);
  });

  it("with 4 when it is refused", async () => {
    answer = () => problem(401, { code: "unauthorized", detail: "A token is needed" });
    const { code, stderr } = await codeOf();
    assert.equal(code, 4);
    assert.match(
      stderr,
      /^orrery: A token is needed\. Give a token or an API key with --token, ORRERY_TOKEN or a context\n$/,
    );
    answer = () => problem(403, { code: "role_missing", detail: 'Service "a" lacks the role operate' });
    assert.equal((await codeOf()).code, 4);
  });

  it("with 1 when the server says no, and names the field", async () => {
    answer = () => problem(422, { code: "invalid_field", detail: "a number is needed", field: "jobs.3.priority" });
    const { code, stderr } = await codeOf();
    assert.deepEqual([code, stderr], [1, "orrery: a number is needed (field jobs.3.priority)\n"]);
  });

  it("with 5 when nobody answers, or something that is no Orrery", async () => {
    const { code, stderr } = await codeOf(["jobs", "list", "--url", "http://127.0.0.1:1"]);
    assert.equal(code, 5);
    assert.match(stderr, /Cannot reach the server at http:\/\/127\.0\.0\.1:1 .*orrery serve/);
    answer = () => new Response("<html>hello", { headers: { "Content-Type": "text/html" } });
    assert.equal((await codeOf()).code, 5);
  });

  it("with 0 once a busy server has answered: reads are repeated after its Retry-After, writes are not", async () => {
    let busy = 2;
    answer = () =>
      busy-- > 0 ? problem(503, { code: "overloaded", detail: "busy" }, { "Retry-After": "0.1" }) : Response.json([]);
    assert.equal((await codeOf(["queues", "list", "--url", url])).code, 0);
    assert.equal(asked.length, 3);
    asked.length = 0;
    answer = () => problem(503, { code: "overloaded", detail: "busy" }, { "Retry-After": "7" });
    const { code, stderr } = await codeOf(["queues", "pause", "a", "--url", url]);
    assert.deepEqual([code, asked.length, stderr], [5, 1, "orrery: busy. Try again in 7 s\n"]);
  });

  it("with 2 when it is not understood", async () => {
    for (const args of [
      ["jobs"],
      ["jobs", "nosuch"],
      ["jobs", "list", "--state", "dread"],
      ["jobs", "enqueue"],
      ["jobs", "enqueue", "t", "--payload", "{no json", "--url", url],
      ["jobs", "enqueue", "t", "--at", "2026-01-01T00:00:00Z", "--delay", "5"],
      ["queues", "set", "a"],
      ["queues", "set", "a", "--rate", "fast"],
      ["dlq", "redrive"],
      ["dlq", "redrive", "x", "--all"],
      ["backfill", "t", "--from", "2026-01-01"],
      ["key", "create", "a", "--roles", "king"],
      ["submit", "none.yaml"],
      ["completion", "tcsh"],
    ]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2, args.join(" "));
      assert.doesNotMatch(stderr, /\n\s+at /, args.join(" "));
    }
    assert.equal(asked.length, 0);
  });
});
