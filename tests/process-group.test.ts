/** A process in a group of its own, with real processes and without the look for what leaves its group. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exitText, startGroup } from "../src/compute/process-group.ts";
import { alive } from "./support/alive.ts";
import { until } from "./support/signal.ts";

function start(script: string, argv = ["sh", "-c", script], cwd = "/") {
  const marker = `marker-${crypto.randomUUID()}`;
  let printed = "";
  const group = startGroup({
    argv,
    cwd,
    env: { PATH: process.env.PATH ?? "", MARKER: marker },
    onStdout: (chunk) => {
      printed += new TextDecoder().decode(chunk);
    },
    onStderr() {},
  });
  const nothingLeft = () => until("nothing is left alive", () => alive(marker).length === 0);
  return { group, marker, printed: () => printed, nothingLeft };
}

describe("a process group", () => {
  it("ends with its first process, whose output is read to its end", async () => {
    const { group, printed, nothingLeft } = start("(trap '' TERM; sleep 300) & cat; exit 3");
    assert.equal(group.hasExited, false);
    group.stdin.end("given");
    assert.deepEqual(await group.ended, { exitCode: 3, exitSignal: null });
    assert.deepEqual([printed(), group.hasExited], ["given", true]);
    await nothingLeft();
  });

  it("is stopped by TERM and, where that is ignored, by KILL a while later", async () => {
    const gentle = start("trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done");
    await until("it is up", () => gentle.printed() === "up\n");
    gentle.group.stop(20_000);
    assert.equal(exitText(await gentle.group.ended), "exit code 7");
    const deaf = start("trap '' TERM; echo up; while :; do sleep 0.02; done");
    await until("it is up", () => deaf.printed() === "up\n");
    deaf.group.stop(50);
    assert.equal(exitText(await deaf.group.ended), "ended by SIGKILL");
    const killed = start("sleep 300 & sleep 300");
    killed.group.kill();
    assert.equal(exitText(await killed.group.exited), "ended by SIGKILL");
    for (const { nothingLeft } of [gentle, deaf, killed]) await nothingLeft();
    for (const { group } of [gentle, deaf, killed]) group.stop(0);
  });

  it("has ended a second after its first process, though what left it holds the outputs open", async () => {
    const { group, marker, printed } = start("setsid -f sh -c 'echo left; sleep 300'; cat");
    await until("it has left", () => printed() === "left\n");
    group.stdin.end();
    await group.exited;
    const beganMs = performance.now();
    assert.deepEqual(await group.ended, { exitCode: 0, exitSignal: null });
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs > 900 && tookMs < 10_000, `it took ${tookMs} ms`);
    for (const pid of alive(marker)) process.kill(Number(pid), "SIGKILL");
  });

  it("that cannot be started says so, to whoever waits for it", async () => {
    for (const { group } of [start("", ["/no/such/program"]), start("true", undefined, "/no/such/folder")]) {
      assert.equal(group.pid, null);
      await assert.rejects(group.exited, /ENOENT/);
      await assert.rejects(group.ended, /ENOENT/);
      group.stop(0);
      assert.equal(group.hasExited, true);
    }
    assert.throws(() => start("", []), /its list is empty/);
  });
});
