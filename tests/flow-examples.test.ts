/** The flows of examples/: all can be read, those that need nothing else run, and so does the one from Kafka where there is one. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Admin, Producer, stringSerializers } from "@platformatic/kafka";
import postgres from "postgres";
import { readConfigFile } from "../src/config-file.ts";
import { loadFlows } from "../src/flow/load.ts";
import { kafka, makeTopic } from "./support/kafka.ts";
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

  const databaseUrl = process.env.TEST_DATABASE_URL;
  const skip = (kafka === undefined || databaseUrl === undefined) && "TEST_KAFKA and TEST_DATABASE_URL are needed";
  describe("from Kafka, through a program, to Postgres and a file", { skip }, () => {
    const name = `scenes-${process.pid}-${Date.now()}`;
    const client = { clientId: "test", bootstrapBrokers: [kafka ?? ""] };
    let dir: string;
    let sql: postgres.Sql;
    let node: TestRuntime;
    before(async () => {
      dir = await mkdtemp(join(examples, "test-"));
      await cp(join(examples, "kafka/flows"), dir, { recursive: true });
      const path = join(dir, "scenes.yaml");
      const text = (await readFile(path, "utf8"))
        .replace("127.0.0.1:9092", kafka ?? "")
        .replace("topics: [scenes]", `topics: [${name}]`)
        .replace("group: extents", `group: ${name}`);
      await writeFile(path, text);
      sql = postgres(databaseUrl ?? "", { max: 1, onnotice: () => {} });
      await sql.unsafe(
        `drop table if exists scene_extent; ${await readFile(join(examples, "kafka/table.sql"), "utf8")}`,
      );
      const admin = new Admin(client);
      await makeTopic(admin, name, 2);
      await admin.close();
      process.env.SCENES_URL = databaseUrl;
      node = await openTestRuntime({ config: { flowsDir: dir } });
    });
    after(async () => {
      delete process.env.SCENES_URL;
      await node.stop();
      await sql`drop table scene_extent`;
      await sql.end();
      await rm(dir, { recursive: true });
    });

    it("brings each scene's extent to both, and what has no corners to the dead letters", async () => {
      const producer = new Producer({ ...client, serializers: stringSerializers });
      const corners = [
        [11.2, 48.1],
        [11.9, 48.1],
        [11.5, 48.6],
      ];
      const scenes = Array.from({ length: 40 }, (_, n) => ({ scene: `s-${n}`, corners: n % 20 === 7 ? [] : corners }));
      await producer.send({ messages: scenes.map((scene) => ({ topic: name, value: JSON.stringify(scene) })) });
      await producer.close();
      await until("all are rows", async () => (await sql`select 1 from scene_extent`).length === 38);
      const [row] = await sql`select extent from scene_extent where scene = 's-0'`;
      assert.deepEqual(row?.extent, { west: 11.2, east: 11.9, south: 48.1, north: 48.6 });
      const linesOf = async () => (await readFile(join(dir, "out/archive.jsonl"), "utf8")).trim().split("\n");
      await until("all are lines", async () => (await linesOf()).length === 38);
      await until("the others are dead letters", async () => {
        const { json } = await node.request("GET", "/api/dlq?job_type=orrery.flow.scenes");
        return json.total === 2;
      });
    });
  });
});
