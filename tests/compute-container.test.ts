/**
 * The container compute. No container engine is needed: a program called docker stands in for its command line, notes how it was
 * called, and acts as an engine would as far as we can tell from outside. What an engine then does with the arguments is not tested.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { type Outcome, stopBy, type Task } from "../src/compute/compute.ts";
import type { ContainerConfig } from "../src/compute/compute-config.ts";
import { createContainer, findRuntime } from "../src/compute/container.ts";
import { until } from "./support/signal.ts";
import { taskOf } from "./support/task.ts";

const folder = mkdtempSync(join(tmpdir(), "orrery-container-"));
const bin = join(folder, "bin");
const canary = "canary-91ab";
after(() => rmSync(folder, { recursive: true, force: true }));

/** `body` runs for `docker run`; `docker rm` marks the container as removed. Each argument is noted on a line of its own. */
function fakeEngine(body: string, name = "docker"): void {
  const path = join(bin, name);
  writeFileSync(
    path,
    `#!/bin/sh
printf '%s\\n' "$@" > "${folder}/argv.$1"
env > "${folder}/env.$1"
if [ "$1" = rm ]; then touch "${folder}/removed"; exit 0; fi
while [ $# -gt 0 ]; do if [ "$1" = --env-file ]; then cat "$2" > "${folder}/env-file"; ls -l "$2" > "${folder}/env-file-mode"; fi; shift; done
${body}
`,
  );
  chmodSync(path, 0o755);
}

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
});

function run(
  config: Partial<ContainerConfig> = {},
  changes: Partial<Task> = {},
  signal = new AbortController().signal,
) {
  const environment = { PATH: `${bin}:/usr/bin:/bin`, SECRET_KEY: canary, DOCKER_HOST: "unix:///run/other.sock" };
  const container = createContainer(
    { image: "registry.test/plot:1", configDir: "/srv/mission", ...config },
    environment,
    300,
  );
  return container.run(taskOf(changes), stopBy(signal));
}

const noted = (name: string): string => readFileSync(join(folder, name), "utf8");
const failureOf = (outcome: Outcome) => {
  assert.ok("error" in outcome, JSON.stringify(outcome));
  return outcome;
};

describe("a container compute", () => {
  it("is run without network and new privileges, under a name of ours, removed at its end", async () => {
    fakeEngine("cat");
    const outcome = await run();
    assert.equal(outcome.outcome, "succeeded", JSON.stringify(outcome));
    const argv = noted("argv.run").trimEnd().split("\n");
    assert.match(argv[4] ?? "", /^orrery-[0-9a-f-]{36}$/);
    assert.match(argv[12] ?? "", /env$/);
    assert.deepEqual(
      argv.map((argument, i) => (i === 4 || i === 12 ? "…" : argument)),
      [
        ...["run", "--rm", "--interactive", "--name", "…", "--network", "none", "--security-opt", "no-new-privileges"],
        ...["--pids-limit", "1024", "--env-file", "…", "--", "registry.test/plot:1"],
      ],
    );
  });

  it("is given the task on stdin, and hands back the last JSON line of its stdout", async () => {
    fakeEngine(`cat > "${folder}/stdin"; echo working >&2; echo '{"n":1}'; echo '{"n":2}'; echo bye`);
    const lines: string[] = [];
    const outcome = await run({}, { onOutput: (chunk) => void lines.push(new TextDecoder().decode(chunk)) });
    assert.equal(outcome.outcome === "succeeded" && outcome.passback, '{"n":2}');
    assert.ok(noted("stdin").includes('"passthrough":{"limit":18446744073709551615}'));
    assert.ok(lines.join("").includes("working\n") && lines.join("").includes("bye\n"));
  });

  it("takes what is configured as arguments that nothing interprets", async () => {
    fakeEngine("true");
    const command = ["sh", "-c", 'echo "$HOME"; rm -rf / --no-preserve-root', "; touch /tmp/pwned", "--privileged"];
    await run({
      command,
      network: "mission",
      cpus: 1.5,
      memory_mb: 512,
      mounts: [
        { source: "data", target: "/data" },
        { source: "/var/out", target: "/out", read_only: false },
      ],
    });
    const argv = noted("argv.run").trimEnd().split("\n");
    const at = argv.indexOf("--");
    assert.deepEqual(argv.slice(at), ["--", "registry.test/plot:1", ...command]);
    const options = argv.slice(0, at).join(" ");
    assert.match(options, /--network mission /);
    assert.match(
      options,
      / --mount type=bind,source=\/srv\/mission\/data,target=\/data,readonly --mount type=bind,source=\/var\/out,target=\/out /,
    );
    assert.match(options, / --cpus 1\.5 --memory 512m$/);
  });

  it("gives the container its variables by a file that only we can read, and the engine's command nothing of them", async () => {
    fakeEngine("true");
    await run({ env: { STATION: "KIRUNA", TOKEN: "t0p-secret", PATH: "/evil", LD_PRELOAD: "/evil.so", TWO: "a\nb" } });
    const file = noted("env-file");
    assert.match(file, /^STATION=KIRUNA$/m);
    assert.match(file, /^TOKEN=t0p-secret$/m);
    assert.match(file, /^ORRERY_JOB_ID=018f3a52-0000-7000-8000-0000000000aa$/m);
    assert.match(noted("env-file-mode"), /^-rw------- /);
    const argv = noted("argv.run");
    assert.ok(!argv.includes("t0p-secret"));
    assert.match(argv, /--env\nTWO=a\nb\n/, "an env file cannot hold a line break");
    const env = noted("env.run");
    assert.ok(!env.includes("/evil") && !env.includes("t0p-secret") && !env.includes(canary) && !file.includes(canary));
    assert.match(env, /^DOCKER_HOST=unix:\/\/\/run\/other\.sock$/m);
  });

  it("fails with the exit code, whose container has removed itself", async () => {
    fakeEngine("echo boom; exit 42");
    const outcome = failureOf(await run({ no_retry: [42] }));
    assert.deepEqual(
      [outcome.outcome, outcome.error, outcome.code, outcome.isFinal],
      ["failed", "exit code 42", "42", true],
    );
    assert.ok(!existsSync(join(folder, "removed")));
  });

  it("is removed by its name at the timeout and on abort, however little its command cares", async () => {
    const stubborn = `trap '' TERM; touch "${folder}/up"; while :; do sleep 0.05; done`;
    fakeEngine(stubborn);
    const late = failureOf(await run({ timeout_s: 0.3 }));
    assert.deepEqual([late.outcome, late.code], ["timed_out", "timeout"]);
    assert.deepEqual(noted("argv.rm").trimEnd().split("\n"), ["rm", "--force", noted("argv.run").split("\n")[4] ?? ""]);

    rmSync(join(folder, "removed"));
    rmSync(join(folder, "up"));
    const abort = new AbortController();
    const ending = run({}, {}, abort.signal);
    await until("it is up", () => existsSync(join(folder, "up")));
    abort.abort(new Error("the product was cleared"));
    assert.deepEqual(failureOf(await ending).error, "the product was cleared");
    assert.ok(existsSync(join(folder, "removed")));
  });

  it("takes podman where there is no docker, and says so where there is neither", async () => {
    fakeEngine('echo \'{"by":"podman"}\'', "podman");
    const only = { PATH: bin };
    assert.equal(findRuntime(undefined, only), join(bin, "podman"));
    assert.equal(findRuntime("docker", only), null);
    const container = createContainer({ image: "a", configDir: "/" }, { PATH: `${bin}:/bin:/usr/bin` });
    const nothing = createContainer({ image: "a", configDir: "/" }, { PATH: folder });
    const outcome = failureOf(await nothing.run(taskOf(), stopBy(new AbortController().signal)));
    assert.deepEqual(
      [outcome.code, outcome.error],
      ["runtime_missing", "cannot run a: docker and podman are not on PATH"],
    );
    assert.equal(container.kind, "container");
  });
});

const docker = findRuntime("docker", process.env);
describe("a container compute with a real docker command", { skip: docker ? false : "docker is not installed" }, () => {
  it("fails with what docker says when there is no engine: its arguments are understood", async () => {
    const environment = { PATH: process.env.PATH, DOCKER_HOST: `unix://${folder}/nothing.sock` };
    const config = { mounts: [{ source: "/srv", target: "/data" }], cpus: 1, memory_mb: 64, command: ["--help"] };
    const container = createContainer({ image: "registry.test/plot:1", configDir: "/", ...config }, environment);
    const outcome = failureOf(await container.run(taskOf(), stopBy(new AbortController().signal)));
    assert.deepEqual([outcome.outcome, outcome.code], ["failed", "125"], JSON.stringify(outcome));
    assert.match(outcome.output, /nothing\.sock/);
    assert.doesNotMatch(outcome.output, /flag|Usage/);
  });
});
