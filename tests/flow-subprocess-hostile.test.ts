/** Tasks' processes that mean harm or do not care: none may outlive its task, keep it waiting, or take the event loop. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { alive } from "./support/alive.ts";
import { executorOf, failureOf, folder, runOne, type Settings, someAlive } from "./support/subprocess.ts";

/** Aborts the script's task once `count` of its processes run. Nothing may be left when it has ended, within some seconds. */
async function abortedWith(count: number, script: string, settings: Settings = {}, input: unknown = null) {
  const rig = executorOf(script, settings);
  const abort = new AbortController();
  let turns = 0;
  const ticking = setInterval(() => turns++, 5);
  const running = failureOf(rig.run(input, {}, abort.signal));
  await someAlive(rig.marker, count);
  const abortedMs = performance.now();
  turns = 0;
  abort.abort(new Error("no answer in time"));
  const error = await running;
  const tookMs = performance.now() - abortedMs;
  clearInterval(ticking);
  assert.deepEqual(alive(rig.marker), []);
  await rig.close();
  assert.ok(tookMs < 4_000, `it took ${tookMs} ms`);
  assert.ok(turns >= Math.floor(tookMs / 200), `the event loop turned ${turns} times in ${tookMs} ms`);
  assert.equal(error.message, "no answer in time");
  return error;
}

describe("a hostile process", () => {
  it("that ignores TERM is killed", async () => {
    await abortedWith(2, "trap '' TERM INT HUP; while :; do sleep 300; done");
  });

  it("that multiplies, in its group and out of it, is killed with all of its kind", async () => {
    // Its depth bounds it to some 130 processes, as the machine is not ours alone.
    writeFileSync(
      join(folder, "multiply.sh"),
      `[ $1 -gt 3 ] || { setsid -f sh ./multiply.sh $(($1 + 1)); sleep 0.02; sh ./multiply.sh $(($1 + 1)) & }\nsleep 300\n`,
    );
    await abortedWith(6, "trap '' TERM; sh ./multiply.sh 0 & setsid -f sh ./multiply.sh 0; sleep 300");
    assert.equal((await runOne("setsid -f sh ./multiply.sh 0; sh ./multiply.sh 0 & sleep 0.05")).output, null);
  });

  it("that leaves its session is found, whether it is aborted or ends by itself", async () => {
    const leave = "setsid -f sh -c 'trap \"\" TERM; sleep 300'; (setsid sleep 300 &)";
    await abortedWith(4, `${leave}; sleep 300`);
    const beganMs = performance.now();
    assert.deepEqual((await runOne(`${leave}; echo '{"n":1}'`)).output, { n: 1 });
    assert.ok(
      performance.now() - beganMs < 900,
      "what it left held stdout open, and was killed before its end was awaited",
    );
    assert.equal((await failureOf(runOne(`${leave}; exit 4`))).message, "exit code 4");
  });

  it("that closes its outputs and lives on is waited for, and ended by its signal", async () => {
    await abortedWith(1, "exec >&- 2>&- <&-; exec sleep 300");
    assert.equal((await runOne("exec >&- 2>&- <&-; sleep 0.1")).output, null);
  });

  it("that floods stdout is killed at the limit", async () => {
    const error = await failureOf(runOne("trap '' TERM; setsid -f yes; yes", { output_bytes_max: 100_000 }));
    assert.deepEqual([error.message, error.exitCode], ["it printed more than 100000 bytes on stdout", null]);
    const all = { output: "text", output_bytes_max: 1000 } as const;
    assert.equal(String((await runOne("head -c 1000 /dev/zero | tr '\\0' x", all)).output).length, 1000);
    await failureOf(runOne("head -c 1001 /dev/zero | tr '\\0' x", all));
  });

  it("that writes to stderr for ever is ended by its signal, and the last of it kept", async () => {
    const error = await abortedWith(2, "trap '' TERM; setsid -f sh -c 'yes flood >&2'; yes flood >&2");
    assert.ok(error.stderr.length <= 8192 && /flood\n/.test(error.stderr), error.stderr.slice(0, 100));
  });

  it("that reads nothing of 5 MB on its stdin is not in anybody's way", async () => {
    const input = "x".repeat(5_000_000);
    for (const script of ["true", "head -c 100000 > /dev/null", "exec <&-; true", "setsid -f sleep 300; true"])
      assert.equal((await runOne(script, {}, input)).output, null, script);
    assert.ok(Number((await runOne(["wc", "-c"], {}, input)).output) > 5_000_000);
    await abortedWith(1, "exec sleep 300", {}, input);
  });

  it("leaves the others of its flow alone", async () => {
    const rig = executorOf("read -r line; case $line in 1) setsid -f sleep 300; yes;; *) sleep 0.3; echo $line;; esac");
    const [bad, ...good] = await Promise.allSettled([1, 2, 3, 4].map((input) => rig.run(input)));
    assert.equal(bad?.status, "rejected");
    assert.deepEqual(
      good.map((one) => one.status === "fulfilled" && one.value.output),
      [2, 3, 4],
    );
    await rig.close();
  });
});
