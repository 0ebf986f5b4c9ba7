/** The flows of examples/: all can be read, and those that need nothing else run. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readConfigFile } from "../src/config-file.ts";
import { loadFlows } from "../src/flow/load.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const examples = fileURLToPath(new URL("../examples/flows", import.meta.url));

describe("the flows of examples", () => {
  it("can be read, with their modules", async () => {
    const found: string[] = [];
    for (const folder of ["local", "telemetry", "kafka"]) {
      assert.equal(readConfigFile(join(examples, folder, "orrery.yaml")).flows, "flows");
      for (const { file } of await loadFlows(join(examples, folder, "flows")))
        found.push(`${file.id}: ${file.source.kind} to ${[...file.sinks.values()].map(({ config }) => config.kind)}`);
    }
    assert.deepEqual(found, [
      "convert: http to ",
      "readings: jsonl to jsonl,jsonl",
      "housekeeping: telemetry to redis,webhook",
      "scenes: kafka to postgres,jsonl",
    ]);
  });

  describe("that need nothing else", () => {
    let dir: string;
    let node: TestRuntime;
    before(async () => {
      dir = await mkdtemp(join(examples, "test-")); // beside the others, so that their modules find ours
      await cp(join(examples, "local/flows"), dir, { recursive: true });
      node = await openTestRuntime({ config: { flowsDir: dir } });
    });
    after(async () => {
      await node.stop();
      await rm(dir, { recursive: true });
    });

    it("bring the readings to their files, and what cannot be to the dead letters", async () => {
      await until("all are done with", async () => {
        const { json } = await node.request("GET", "/api/flow/readings");
        return json.partitions[0]?.confirmed === 5;
      });
      const read = async (name: string) =>
        (await readFile(join(dir, "out", name), "utf8"))
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).payload.sensor);
      assert.deepEqual((await read("archive.jsonl")).sort(), ["panel", "tank", "tank"]);
      assert.deepEqual(await read("alarms.jsonl"), ["panel"]);
      assert.equal((await node.request("GET", "/api/dlq")).json.total, 2);
    });

    it("convert over HTTP", async () => {
      const { json } = await node.request("POST", "/process/convert", { body: { celsius: 20 } });
      assert.deepEqual(json.result, { kelvin: 293.15 });
    });
  });
});
