/** Senders that are not ours, in Python and C, as examples/senders has them: plain sockets, a CCSDS packet a datagram, nothing else agreed on. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parsePacketYaml } from "../src/ground/packet-definition.ts";
import { beginPass } from "./support/flown-pass.ts";
import { done } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const folder = fileURLToPath(new URL("../examples/senders/", import.meta.url));
const isThere = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;

function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
}

describe("a sender in another language", () => {
  let node: TestRuntime;
  const made = mkdtempSync(join(tmpdir(), "orrery-senders-"));
  before(async () => {
    node = await openTestRuntime();
  });
  after(async () => {
    await node.stop();
    rmSync(made, { recursive: true, force: true });
  });

  /** Sends 20 packets at 50 a second by `send`, and looks at them as anyone would. */
  async function received(send: (args: readonly string[]) => Promise<void>): Promise<void> {
    const ship = `probe-${randomUUID().slice(0, 8)}`;
    const packets = parsePacketYaml(readFileSync(join(folder, "packets.yaml"), "utf8"));
    const token = await node.tokenOf("publisher");
    done(await node.request("PUT", `/api/ship/${ship}`, { token, body: { format: "ccsds", packets } }));
    const beganMs = Date.now();
    const pass = await beginPass(node, ship, 8);
    const { json: planned } = await node.request("GET", `/api/pass/${pass.id}`);
    await send(["127.0.0.1", String(planned.port), "20", "50"]);
    const parameter = `/api/ship/${ship}/parameter`;
    await until("live", async () => {
      const { json } = await node.request("GET", `${parameter}/uptime/latest`);
      return json.value === 19;
    });
    assert.equal((await node.request("GET", `${parameter}/mode/latest`)).json.value, "nominal");
    const looked = async () => {
      const { rows } = (await node.request("GET", `${parameter}/uptime/history`)).json;
      assert.deepEqual(
        rows.map(({ avg, n }: { avg: number; n: number }) => [avg, n]),
        Array.from({ length: 20 }, (_, i) => [i, 1]),
      );
      const point = `/openmct/history/${ship}~bus_voltage?start=${beganMs}&end=${Date.now()}`;
      const { json: data } = await node.request("GET", point);
      assert.equal(data.length, 20);
      assert.equal(data[0].value, 7.7);
    };
    await looked();
    await pass.completed();
    await looked();
    const { ledger } = (await node.request("GET", `/api/pass/${pass.id}/ledger`)).json;
    assert.deepEqual([ledger.datagrams, ledger.stored, ledger.missing, ledger.completeness], [20, 20, 0, 1]);
    assert.deepEqual(
      Object.values(ledger.rejected).filter((count) => count !== 0),
      [],
    );
  }

  it("is received: Python", { skip: !isThere("python3") && "there is no python3" }, () =>
    received((args) => run("python3", [join(folder, "send.py"), ...args])),
  );

  it("is received: C", { skip: !isThere("cc") && "there is no C compiler" }, async () => {
    const program = join(made, "send");
    await run("cc", ["-o", program, join(folder, "send.c")]);
    await received((args) => run(program, args));
  });
});
