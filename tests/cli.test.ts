/** The commands as an operator meets them: what they print, how they end, and that no error shows a stack trace. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { compareSync } from "bcryptjs";
import manifest from "../package.json" with { type: "json" };
import { runOrrery } from "./support/process.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-"));
after(() => rmSync(cwd, { recursive: true, force: true }));
const run = (...args: string[]) => runOrrery(args, { cwd });

describe("orrery", () => {
  it("says its version and its commands, each with examples", async () => {
    assert.equal((await run("--version")).stdout.trim(), manifest.version);
    const help = await run("--help");
    assert.equal(help.code, 0);
    for (const command of ["serve", "sim", "check", "db", "hash", "token"])
      assert.match(help.stdout, new RegExp(`\\n  ${command}\\b`));
    for (const command of ["serve", "check", "db", "hash", "token"]) {
      const { code, stdout } = await run(command, "--help");
      assert.equal(code, 0);
      assert.match(stdout, /Examples?:/, command);
    }
  });

  it("shows a command's help by help too", async () => {
    const { code, stdout } = await run("help", "jobs");
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: orrery jobs /);
  });

  it("ends with 2 when it is not understood, and points at the help", async () => {
    const unknown = await run("serv");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /orrery --help/);
    assert.equal((await run("serve", "--prot", "1")).code, 2);
    const badPort = await run("serve", "--port", "many");
    assert.equal(badPort.code, 2);
    assert.match(badPort.stderr, /^orrery: Cannot use --port/);
  });
});

describe("orrery hash and token", () => {
  it("make an entry that the key opens, and a token for it", async () => {
    const entry = await run("hash", "the key", "--service", "planner", "--roles", "publish,update", "--cost", "4");
    const { service, hash, roles } = JSON.parse(entry.stdout);
    assert.deepEqual([service, roles], ["planner", ["publish", "update"]]);
    assert.ok(compareSync("the key", hash));
    const env = { SECRET_KEY: "s", REMOTE_APIS: `[${entry.stdout}]` };
    const token = await runOrrery(["token", "planner"], { cwd, env });
    assert.equal(token.code, 0, token.stderr);
    const claims = JSON.parse(Buffer.from(token.stdout.split(".")[1] ?? "", "base64url").toString());
    assert.deepEqual([claims.sub, claims.roles], ["planner", ["publish", "update"]]);
    const nobody = await runOrrery(["token", "nobody"], { cwd, env });
    assert.equal(nobody.code, 2);
    assert.match(nobody.stderr, /"nobody" as it is not configured: REMOTE_APIS lists planner/);
  });

  it("refuse a key that bcrypt would cut off", async () => {
    const { code, stderr } = await run("hash", "k".repeat(73));
    assert.equal(code, 2);
    assert.match(stderr, /73 bytes as bcrypt takes 72 at most/);
  });
});

describe("orrery db", () => {
  it("lists what is missing, runs it, and has nothing left to do", async () => {
    const env = { ORRERY_DATA: join(cwd, "db") };
    assert.match((await runOrrery(["db", "status"], { cwd, env })).stdout, /^0001 {2}plans +not run yet/);
    assert.match((await runOrrery(["db", "migrate"], { cwd, env })).stdout, /^\d+ migrations run/);
    assert.match((await runOrrery(["db", "migrate"], { cwd, env })).stdout, /^Nothing to do/);
    const rows = JSON.parse((await runOrrery(["db", "status", "--json"], { cwd, env })).stdout);
    assert.ok(rows.length > 0 && rows.every((row: { appliedAt: string | null }) => row.appliedAt !== null));
  });

  it("says what it cannot reach", async () => {
    const { code, stderr } = await run("db", "status", "--database-url", "postgres://u:hunter2@127.0.0.1:1/x");
    assert.equal(code, 1);
    assert.match(stderr, /^orrery: Cannot use the database: .*127\.0\.0\.1:1/);
    assert.doesNotMatch(stderr, /hunter2|\n\s+at /);
  });
});

describe("orrery check", () => {
  it("reports each part, and ends with 1 when one cannot be reached", async () => {
    const fine = await run("check", "--json", "--data", join(cwd, "check"));
    assert.equal(fine.code, 0, fine.stderr);
    const subjects = JSON.parse(fine.stdout).map(({ subject }: { subject: string }) => subject);
    for (const subject of ["config", "computes", "templates", "database", "telemetry"])
      assert.ok(subjects.includes(subject), subject);
    const broken = await run(
      "check",
      "--redis-url",
      "redis://127.0.0.1:1",
      "--database-url",
      "postgres://127.0.0.1:1/x",
    );
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /failed +database .*127\.0\.0\.1:1/);
    assert.match(broken.stdout, /failed +telemetry +Cannot use Redis at redis:\/\/127\.0\.0\.1:1/);
  });

  it("names the file and line of a wrong configuration", async () => {
    const path = join(cwd, "wrong.yaml");
    writeFileSync(path, "computes:\n  a: { kind: function, module: ./none.ts }\n");
    const missing = await run("check", "--config", path);
    assert.equal(missing.code, 1);
    assert.match(missing.stdout, /failed +computes .*none\.ts/);
  });
});
