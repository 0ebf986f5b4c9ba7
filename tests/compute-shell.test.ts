/** The shell compute, with real processes: what it hands over and takes back, and that nothing is left alive. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import { type Outcome, type ShellConfig, stopBy } from "../src/compute/compute.ts";
import { createShell } from "../src/compute/shell.ts";
import { alive } from "./support/alive.ts";
import { until } from "./support/signal.ts";
import { taskOf } from "./support/task.ts";

const canary = "canary-7f3a9c";
const environment = {
  PATH: process.env.PATH,
  TZ: "UTC",
  DATABASE_URL: canary,
  SECRET_KEY: canary,
  REMOTE_APIS: canary,
};

function run(
  config: Omit<ShellConfig, "kind" | "command">,
  command: string | string[],
  signal = new AbortController().signal,
) {
  return createShell({ ...config, cwd: config.cwd ?? tmpdir(), command }, environment, 300).run(
    taskOf(),
    stopBy(signal),
  );
}

async function passbackOf(outcome: Outcome | Promise<Outcome>): Promise<unknown> {
  const ended = await outcome;
  assert.equal(ended.outcome, "succeeded", JSON.stringify(ended));
  return ended.outcome === "succeeded" && ended.passback !== null ? JSON.parse(ended.passback) : null;
}

describe("a shell compute", () => {
  it("gives the task as JSON on stdin, with every digit of the client's numbers", async () => {
    const outcome = await run({}, "cat");
    assert.equal(outcome.outcome, "succeeded");
    const passback = outcome.outcome === "succeeded" ? outcome.passback : null;
    assert.ok(passback?.includes('"limit":18446744073709551615'));
    assert.deepEqual(JSON.parse(passback ?? "").parents[0], {
      id: "018f3a52-0000-7000-8000-000000000011",
      name: "Decoded",
      version: "1",
      passback: { rows: 3 },
    });
    assert.deepEqual(JSON.parse(passback ?? "").dataset.extra, { ship: "AURORA-1" });
  });

  it("takes the last line of stdout that is a JSON object, whatever follows it", async () => {
    const script = `echo '{"n":1}'; echo '{"n":2}'; echo 'done {'; echo '[3]'; echo '{"n":4}' >&2; printf '{broken}'`;
    assert.deepEqual(await passbackOf(run({}, script)), { n: 2 });
  });

  it("prefers the passback file, which may hold any JSON value", async () => {
    assert.deepEqual(await passbackOf(run({}, `echo '{"n":1}'; echo '[1, 2]' > "$ORRERY_PASSBACK"`)), [1, 2]);
  });

  it("takes the product's link from the link file", async () => {
    const outcome = await run({}, `echo https://example.org/plot.svg > "$ORRERY_LINK"`);
    assert.equal(outcome.outcome === "succeeded" && outcome.link, "https://example.org/plot.svg");
  });

  it("succeeds without a passback when nothing was handed back", async () => {
    assert.equal(await passbackOf(run({}, ["true"])), null);
  });

  it("fails when the passback is not JSON, too large, or no regular file", async () => {
    const errors = await Promise.all(
      [
        `echo nonsense > "$ORRERY_PASSBACK"`,
        `head -c 300000 /dev/zero | tr '\\0' 1 > "$ORRERY_PASSBACK"`,
        `mkfifo "$ORRERY_PASSBACK"`,
      ].map(async (script) => {
        const outcome = await run({}, script);
        return outcome.outcome === "failed" ? outcome.error : outcome.outcome;
      }),
    );
    assert.match(errors[0] ?? "", /holds no JSON/);
    assert.match(errors[1] ?? "", /300000 bytes, over the limit/);
    assert.match(errors[2] ?? "", /not a regular file/);
  });

  it("fails with the exit code or the signal, and keeps what was printed", async () => {
    const code = await run({}, "echo to stdout; echo to stderr >&2; exit 3");
    assert.deepEqual([code.outcome, code.outcome === "failed" && code.error], ["failed", "exit code 3"]);
    assert.match(code.output, /to stdout/);
    assert.match(code.output, /to stderr/);
    const signal = await run({}, "kill -SEGV $$");
    assert.match(signal.outcome === "failed" ? signal.error : "", /SIGSEGV/);
  });

  it("fails with the reason when the command or its folder is not there", async () => {
    const missing = await run({}, ["/no/such/command"]);
    assert.match(missing.outcome === "failed" ? missing.error : "", /cannot run \/no\/such\/command/);
    const folder = await run({ cwd: "/no/such/folder" }, ["true"]);
    assert.equal(folder.outcome, "failed");
  });

  it("hands down no secret of ours: only a few names, what the config names, and the task's own", async () => {
    const outcome = await run({ env: { STATION: "KIRUNA" } }, "env; cat /proc/self/environ");
    assert.ok(!outcome.output.includes(canary));
    const names = [...outcome.output.matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]);
    const allowed = /^(PATH|TZ|STATION|PWD|OLDPWD|SHLVL|_|ORRERY_[A-Z_]+)$/;
    assert.deepEqual(
      names.filter((name) => !allowed.test(name ?? "")),
      [],
    );
    assert.match(outcome.output, /^STATION=KIRUNA$/m);
    assert.match(outcome.output, /^ORRERY_PRODUCT_ID=018f3a52-0000-7000-8000-000000000010$/m);
  });

  it("at the timeout kills the group, the child that ignores TERM and the grandchildren too", async () => {
    const marker = `marker-${crypto.randomUUID()}`;
    const script = "trap '' TERM; (trap '' TERM; sleep 300 & sleep 300) & sleep 300; sleep 300";
    const outcome = await run({ timeout_s: 0.2, env: { MARKER: marker } }, script);
    assert.equal(outcome.outcome, "timed_out");
    await until("nothing is left alive", () => alive(marker).length === 0);
  });

  it("leaves no background process behind when the command itself ends well", async () => {
    const marker = `marker-${crypto.randomUUID()}`;
    const outcome = await run({ env: { MARKER: marker } }, `sleep 300 & sleep 300 & echo '{"ok":true}'`);
    assert.equal(outcome.outcome, "succeeded");
    await until("nothing is left alive", () => alive(marker).length === 0);
  });

  it("kills a grandchild that left the group by setsid", async () => {
    const marker = `marker-${crypto.randomUUID()}`;
    const outcome = await run(
      { env: { MARKER: marker } },
      `setsid sleep 300 & setsid -f sleep 300; echo '{"ok":true}'`,
    );
    assert.equal(outcome.outcome, "succeeded");
    await until("nothing is left alive", () => alive(marker).length === 0);
  });

  it("ends at once as cancelled when its signal aborts, giving it time to tidy up", async () => {
    const abort = new AbortController();
    const script = "trap 'echo tidied; exit 0' TERM; echo up; while :; do sleep 0.05; done";
    const ending = run({}, script, abort.signal);
    setTimeout(() => abort.abort(new Error("the product was cleared")), 300);
    const outcome = await ending;
    assert.deepEqual(
      [outcome.outcome, outcome.outcome === "cancelled" && outcome.error],
      ["cancelled", "the product was cleared"],
    );
    assert.match(outcome.output, /tidied/);
  });

  it("keeps a mebibyte of a flood, the first part and the last, while the event loop runs on", async () => {
    let turns = 0;
    const ticking = setInterval(() => turns++, 10);
    const outcome = await run({ timeout_s: 1 }, "echo first; yes; ");
    clearInterval(ticking);
    assert.equal(outcome.outcome, "timed_out");
    assert.ok(outcome.output.startsWith("first\n"));
    assert.match(outcome.output, /… \d+ bytes left out …/);
    assert.ok(outcome.output.length < 1024 * 1024 + 100);
    assert.ok(turns > 20, `the event loop turned ${turns} times in a second`);
  });

  it("turns NUL and broken UTF-8 into replacement characters, as Postgres stores neither", async () => {
    const outcome = await run({}, "printf 'a\\000b\\377c'");
    assert.equal(outcome.output, "a\ufffdb\ufffdc");
  });

  it("is not disturbed by a command that never reads a large stdin", async () => {
    const shell = createShell({ cwd: tmpdir(), command: ["true"] }, environment);
    const outcome = await shell.run(
      taskOf({ payload: JSON.stringify("x".repeat(4_000_000)) }),
      stopBy(new AbortController().signal),
    );
    assert.equal(outcome.outcome, "succeeded");
  });

  it("removes the folder of its passback file", async () => {
    const outcome = await run({}, `printf %s "$ORRERY_PASSBACK"`);
    assert.ok(outcome.output.endsWith("/passback"));
    assert.ok(!existsSync(outcome.output.replace(/\/passback$/, "")));
  });
});
