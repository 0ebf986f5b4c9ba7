/** Commands that mean harm or do not care: none may take the node down, outlive its attempt, keep it waiting, or see what is ours. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Outcome, type ShellConfig, stopBy, type Task } from "../src/compute/compute.ts";
import { createShell } from "../src/compute/shell.ts";
import { alive } from "./support/alive.ts";
import { until } from "./support/signal.ts";
import { taskOf } from "./support/task.ts";

const folder = mkdtempSync(join(tmpdir(), "orrery-hostile-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const canary = "canary-e51c07";
const ours = {
  DATABASE_URL: canary,
  SECRET_KEY: canary,
  REMOTE_APIS: canary,
  REDIS_URL: canary,
  AWS_SECRET_ACCESS_KEY: canary,
};
const environment = { ...process.env, ...ours };

interface Ran {
  readonly outcome: Outcome;
  readonly tookMs: number;
  readonly marker: string;
}

async function run(
  command: string,
  config: Partial<ShellConfig> = {},
  changes: Partial<Task> = {},
  signal = new AbortController().signal,
): Promise<Ran> {
  const marker = `marker-${crypto.randomUUID()}`;
  const shell = createShell({ ...config, cwd: folder, command, env: { MARKER: marker } }, environment, 300);
  const startedMs = performance.now();
  const outcome = await shell.run(taskOf(changes), stopBy(signal));
  return { outcome, tookMs: performance.now() - startedMs, marker };
}

const errorOf = ({ outcome }: Ran): string => ("error" in outcome ? outcome.error : "");

const nothingLeft = ({ marker }: Ran) => until("nothing is left alive", () => alive(marker).length === 0);

describe("a hostile command", () => {
  it("that ignores TERM, floods both outputs, forks twice and leaves its session is gone after its time", async () => {
    let turns = 0;
    const ticking = setInterval(() => turns++, 10);
    const ran = await run(
      `trap '' TERM INT HUP
       (trap '' TERM; setsid sh -c "trap '' TERM HUP; (yes flood; sleep 300) & (setsid sh -c 'trap \\"\\" TERM; sleep 300' &) ; sleep 300" &)
       setsid -f sh -c 'trap "" TERM; while :; do yes more >&2; done'
       yes; while :; do sleep 1; done`,
      { timeout_s: 0.5 },
    );
    clearInterval(ticking);
    assert.equal(ran.outcome.outcome, "timed_out");
    assert.ok(ran.tookMs < 6_000, `it took ${ran.tookMs} ms`);
    assert.ok(turns > 30, `the event loop turned ${turns} times`);
    assert.ok(ran.outcome.output.length < 1024 * 1024 + 200);
    await nothingLeft(ran);
  });

  it("that is aborted while it ignores TERM is gone within a second or two", async () => {
    const abort = new AbortController();
    const begun = Promise.withResolvers<void>();
    const running = run(
      "trap '' TERM; setsid -f sleep 300; echo up; while :; do sleep 0.1; done",
      {},
      { onOutput: () => begun.resolve() },
      abort.signal,
    );
    await begun.promise;
    const abortedMs = performance.now();
    abort.abort(new Error("stopping"));
    const ran = await running;
    assert.equal(ran.outcome.outcome, "cancelled");
    assert.ok(performance.now() - abortedMs < 3_000);
    await nothingLeft(ran);
  });

  it("that multiplies faster than one look can follow comes to an end", async () => {
    const ran = await run(
      `cat > ./multiply.sh <<'X'
i=0; while [ $i -lt 40 ]; do i=$((i+1)); setsid -f sh -c 'sleep 0.02; setsid -f sleep 300; sleep 300'; done
X
       setsid -f sh ./multiply.sh; sleep 0.05; echo '{"ok":true}'`,
    );
    assert.equal(ran.outcome.outcome, "succeeded");
    await nothingLeft(ran);
  });

  it("that closes its outputs and lives on is waited for, and ended at its time", async () => {
    const ran = await run("exec >&- 2>&-; sleep 300", { timeout_s: 0.3 });
    assert.equal(ran.outcome.outcome, "timed_out");
    assert.ok(ran.tookMs < 3_000);
    await nothingLeft(ran);
    const quiet = await run("exec >&- 2>&- <&-; sleep 0.2; exit 0");
    assert.equal(quiet.outcome.outcome, "succeeded");
  });

  it("that exits while a child holds its outputs open does not keep us waiting", async () => {
    const ran = await run(`setsid -f sleep 300; (trap '' TERM HUP; sleep 300) & echo '{"n":1}'`);
    assert.equal(ran.outcome.outcome, "succeeded");
    assert.ok(ran.tookMs < 4_000, `it took ${ran.tookMs} ms`);
    await nothingLeft(ran);
  });

  it("whose output has no line end is kept, the first part and the last, with what was left out counted", async () => {
    const ran = await run("printf begin; head -c 20000000 /dev/zero | tr '\\0' x; printf end");
    assert.equal(ran.outcome.outcome, "succeeded");
    const { output } = ran.outcome;
    assert.ok(output.startsWith("beginxxx") && output.endsWith("xxxend"));
    const left = 20_000_008 - 1024 * 1024;
    assert.match(output, new RegExp(`\\n… ${left} bytes left out …\\n`));
    assert.equal(output.length, 1024 * 1024 + `\n… ${left} bytes left out …\n`.length);
  });

  it("that prints NUL, broken UTF-8, ANSI and cuts characters in two gives text that can be stored", async () => {
    const ran = await run(
      `printf 'a\\000b\\377\\376c\\033[31mred\\033[0m\\342'; sleep 0.05; printf '\\202\\254 \\355\\240\\200 \\r\\b\\n{"x":"\\302"}\\n'`,
    );
    const { output } = ran.outcome;
    assert.ok(output.startsWith("a\ufffdb\ufffd\ufffdc\u001b[31mred\u001b[0m€ "), JSON.stringify(output));
    assert.ok(!output.includes("\u0000") && output.isWellFormed());
  });

  it("that reads none of 10 MB on its stdin is not in anybody's way, nor is one that reads half", async () => {
    const payload = JSON.stringify("x".repeat(10_000_000));
    for (const command of ["true", "head -c 5000000 > /dev/null", "exec <&-; echo closed", "sleep 0.2"]) {
      const ran = await run(command, {}, { payload });
      assert.equal(ran.outcome.outcome, "succeeded", `${command}: ${errorOf(ran)}`);
    }
    const whole = await run("wc -c", {}, { payload });
    assert.ok(Number(whole.outcome.output) > 10_000_000);
  });

  it("sees none of our environment, in its own or in that of its parent's files", async () => {
    const ran = await run("env; tr '\\0' '\\n' < /proc/self/environ; set; export -p");
    assert.equal(ran.outcome.outcome, "succeeded");
    assert.ok(!ran.outcome.output.includes(canary));
    for (const name of Object.keys(ours)) assert.ok(!ran.outcome.output.includes(name), name);
  });

  it("cannot make us read a pipe, a link, a device, a folder, or more than the limit, for its passback", async () => {
    const cases: [string, RegExp][] = [
      [`mkfifo "$ORRERY_PASSBACK"`, /passback file is not a regular file/],
      [`ln -s /etc/passwd "$ORRERY_PASSBACK"`, /passback file is not a regular file/],
      [`ln -s /dev/zero "$ORRERY_PASSBACK"`, /passback file is not a regular file/],
      [`mkdir "$ORRERY_PASSBACK"`, /passback file is not a regular file/],
      [`truncate -s 1T "$ORRERY_PASSBACK"`, /1099511627776 bytes, over the limit of 262144/],
      [`head -c 262145 /dev/zero > "$ORRERY_PASSBACK"`, /262145 bytes, over the limit/],
      [`printf '\\377\\000' > "$ORRERY_PASSBACK"`, /holds no JSON/],
      [`ln -s /etc/hostname "$ORRERY_LINK"`, /link file is not a regular file/],
      [`mkfifo "$ORRERY_LINK"`, /link file is not a regular file/],
      [`rm -rf "$(dirname "$ORRERY_PASSBACK")"; ln -s /etc "$(dirname "$ORRERY_PASSBACK")"`, /^$/],
    ];
    for (const [command, expected] of cases) {
      const ran = await run(command);
      assert.match(errorOf(ran), expected, command);
      assert.ok(ran.tookMs < 3_000, command);
      assert.ok(!JSON.stringify(ran.outcome).includes("root:"), command);
    }
  });

  it("that is rooted in a tree of a thousand lines of JSON depth is refused without harm", async () => {
    const ran = await run(`head -c 200000 /dev/zero | tr '\\0' '[' > "$ORRERY_PASSBACK"`);
    assert.match(errorOf(ran), /holds no JSON/);
  });

  it("shows its lines while it runs", async () => {
    const seen: string[] = [];
    const first = Promise.withResolvers<void>();
    const running = run(
      `echo one; while [ ! -e go ]; do sleep 0.02; done; rm go; echo two`,
      {},
      {
        onOutput: (chunk) => {
          seen.push(new TextDecoder().decode(chunk));
          first.resolve();
        },
      },
    );
    await first.promise;
    assert.deepEqual(seen, ["one\n"], "the second line waits for the file");
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(folder, "go"), "");
    await running;
    assert.equal(seen.join(""), "one\ntwo\n");
  });

  it("that removes its own folder, or fills it with what cannot be read, is cleaned up after", async () => {
    for (const harm of [`mkdir -p "$d/a/b/c"; chmod 000 "$d/a/b"; touch "$d/x"`, `rm -rf "$d"`]) {
      await run(`d="$(dirname "$ORRERY_PASSBACK")"; printf %s "$d" > task-folder; ${harm}`);
      const own = readFileSync(join(folder, "task-folder"), "utf8");
      assert.match(own, /orrery-task-/);
      assert.ok(!existsSync(own), harm);
    }
  });
});
