/** `orrery check` of computes: one finding each, nothing run, an end within seconds whatever does not answer. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { checkCompute } from "../src/compute/check.ts";
import type { ComputeConfig } from "../src/compute/compute-config.ts";
import { runOrrery } from "./support/process.ts";
import { type Receiver, receiver } from "./support/receiver.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const folder = mkdtempSync(join(tmpdir(), "orrery-check-"));
const bin = join(folder, "bin");
let service: Receiver;

before(async () => {
  service = await receiver();
  mkdirSync(bin);
  writeFileSync(join(folder, "decode.ts"), "export default () => null;\n");
  writeFileSync(join(folder, "plain.txt"), "no program");
});
after(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true });
});

const look = (config: ComputeConfig, environment: Record<string, string> = { PATH: "/usr/bin:/bin" }) =>
  checkCompute("it", config, folder, { environment, timeoutMs: 1500 });
const engine = (body: string) => {
  writeFileSync(join(bin, "docker"), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, "docker"), 0o755);
};

describe("the check of a compute", () => {
  it("loads a function's module, and finds what is missing", async () => {
    assert.deepEqual(await look({ kind: "function", module: "decode.ts" }), {
      result: "ok",
      detail: "function default of decode.ts",
    });
    const { result, detail } = await look({ kind: "function", module: "none.ts" });
    assert.deepEqual([result, /none\.ts/.test(detail)], ["failed", true]);
  });

  it("finds a command's program on PATH or in its folder, and says when it cannot be run", async () => {
    assert.match(
      (await look({ kind: "shell", command: ["sh", "-c", "exit 1"] })).detail,
      /^shell: (\/usr)?\/bin\/sh in /,
    );
    assert.match((await look({ kind: "shell", command: "whatever it is" })).detail, /^shell: \/bin\/sh in /);
    const cases: [ComputeConfig, RegExp][] = [
      [{ kind: "shell", command: ["no-such-program"] }, /its program no-such-program is not found/],
      [{ kind: "shell", command: ["./plain.txt"] }, /cannot be executed/],
      [{ kind: "shell", command: ["sh"], env: { PATH: "/nowhere" } }, /its program sh is not found/],
      [{ kind: "shell", command: ["sh"], cwd: "nowhere" }, /its folder .*nowhere is not there/],
    ];
    for (const [config, expected] of cases) {
      const { result, detail } = await look(config);
      assert.equal(result, "failed", detail);
      assert.match(detail, expected);
    }
  });

  it("connects to a web service and sends it nothing", async () => {
    const http: ComputeConfig = { kind: "http", url: `${service.url}/compute`, secret, allow_private: true };
    assert.match((await look(http)).detail, /^http: http:\/\/127\.0\.0\.1:\d+ takes connections at 127\.0\.0\.1$/);
    assert.equal(service.received.length, 0);
    const cases: [Partial<ComputeConfig>, RegExp][] = [
      [{ allow_private: false }, /not a public address: list it in allow_private/],
      [{ url: "http://127.0.0.1:1/" }, /ECONNREFUSED|refused|Failed to connect|connection/i],
      [{ secret: undefined }, /no secret to sign with/],
      [{ secret: undefined, secret_env: "NO_SUCH" }, /NO_SUCH is not set/],
      [{ url: service.url.replace("http:", "https:") }, /./],
    ];
    for (const [change, expected] of cases) {
      const { result, detail } = await look({ ...http, ...change } as ComputeConfig); // each is one of an http compute's keys
      assert.equal(result, "failed", detail);
      assert.match(detail, expected);
    }
  });

  it("ends when a host takes the connection and says nothing", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number }; // it listens on TCP
    const startedMs = performance.now();
    const tls = await look({ kind: "http", url: `https://127.0.0.1:${port}/`, secret, allow_private: true });
    const ray = await look({ kind: "ray", address: `http://127.0.0.1:${port}`, entrypoint: "true" });
    assert.deepEqual([tls.result, ray.result], ["failed", "failed"]);
    assert.ok(performance.now() - startedMs < 6_000);
    silent.close();
  });

  it("asks Ray for its version", async () => {
    service.answer = ({ url }) =>
      url === "/api/version" ? { status: 200, body: '{"version":"4","ray_version":"2.60.0"}' } : { status: 404 };
    const found = await look({ kind: "ray", address: `${service.url}/`, entrypoint: "true" });
    assert.match(found.detail, /^ray: Ray 2\.60\.0 at http:\/\/127\.0\.0\.1:\d+$/);
    const nobody = await look({ kind: "ray", address: "http://127.0.0.1:1", entrypoint: "true" });
    assert.deepEqual([nobody.result, /could not be asked to tell its version/.test(nobody.detail)], ["failed", true]);
  });

  it("asks the container engine whether it is there", async () => {
    const container: ComputeConfig = { kind: "container", image: "plot:1" };
    const environment = { PATH: `${bin}:/usr/bin:/bin` };
    assert.match((await look(container, { PATH: folder })).detail, /docker and podman are not on PATH/);
    engine("echo fine");
    assert.deepEqual(await look({ ...container, runtime: "docker" }, environment), {
      result: "ok",
      detail: `container: ${join(bin, "docker")} runs plot:1`,
    });
    engine("echo Cannot connect to the Docker daemon; exit 1");
    assert.match(
      (await look(container, environment)).detail,
      /no engine to speak to: Cannot connect to the Docker daemon/,
    );
    engine("sleep 60");
    assert.match((await look(container, environment)).detail, /no answer in time/);
  });

  it("says of the others who runs them", async () => {
    assert.match(
      (await look({ kind: "worker", requires: ["gpu", "berlin"] })).detail,
      /^worker: pulled by workers that have gpu, berlin/,
    );
    assert.match((await look({ kind: "external" })).detail, /^external:/);
  });
});

describe("orrery check", () => {
  it("has a line for each compute, and ends with 1 when one cannot run", async () => {
    const path = join(folder, "orrery.yaml");
    writeFileSync(
      path,
      `computes:
  decode: { kind: function, module: decode.ts }
  plot: { kind: shell, command: [no-such-program] }
  away: { kind: worker }
job_types:
  nightly: { compute: away }
`,
    );
    const { code, stdout } = await runOrrery(["check", "--json", "--config", path], { cwd: folder });
    assert.equal(code, 1);
    const found = new Map<string, { result: string; detail: string }>(
      JSON.parse(stdout).map((finding: { subject: string }) => [finding.subject, finding]),
    );
    assert.match(found.get("computes")?.detail ?? "", /decode, plot, away, nightly/);
    assert.equal(found.get("compute decode")?.result, "ok");
    assert.equal(found.get("compute plot")?.result, "failed");
    assert.match(found.get("compute away")?.detail ?? "", /pulled by workers/);
  });
});
