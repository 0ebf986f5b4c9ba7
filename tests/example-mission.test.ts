/** The example mission as `npm start` flies it: packets over UDP, a plan, and files whose content is what the simulator sent. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadConfig } from "../src/config.ts";
import { exampleShip, packetsGenerated, runExample } from "../src/example.ts";
import { isCrcRight, sequenceCountAt, sizeAt } from "../src/ground/ccsds.ts";
import { orbitAt } from "../src/ground/orbit.ts";
import type { SentJson } from "../src/ground/simulator.ts";
import { open, type Runtime } from "../src/runtime.ts";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { requester } from "./support/runtime.ts";

const kinds = { power: 100, attitude: 101, thermal: 102, computer: 103 } as const;
const orbitS = 40;
const ship = 0;

/** What went out whole, by APID: the sequence counts. The simulation is replayed: all but the times of its packets is the same. */
function sentBy(aosMs: number): { account: SentJson; counts: Map<number, Set<number>> } {
  const replay = exampleShip(aosMs);
  const counts = new Map<number, Set<number>>();
  const take = (datagrams: Uint8Array[]) => {
    for (const packet of datagrams) {
      const [first = 0, second = 0] = packet;
      const isWhole = packet.length > 6 && first >> 5 === 0 && sizeAt(packet, 0) === packet.length;
      if (!isWhole || !isCrcRight(packet, 0, packet.length)) continue;
      const apid = ((first & 7) << 8) | second;
      counts.set(apid, (counts.get(apid) ?? new Set()).add(sequenceCountAt(packet, 0)));
    }
  };
  for (let i = 0; i < packetsGenerated; i++) take(replay.next(0));
  take(replay.end());
  return { account: replay.json(), counts };
}

interface File {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256?: string;
  readonly cksum?: string;
  readonly rows?: number;
}

interface Product {
  readonly name: string;
  readonly state: string;
  readonly passback: { files: File[] } & Record<string, unknown>;
}

interface Pass {
  readonly id: string;
  readonly state: string;
  readonly aos: string;
  readonly dataset_id: string;
  readonly ledger: Record<string, number> & {
    apids: { apid: number; stored: number; missing: number; duplicates: number; out_of_order: number }[];
  };
}

describe("the example mission", () => {
  let place: DatabasePlace;
  let runtime: Runtime;
  let pass: Pass;
  let products: Map<string, Product>;
  let folder: string;

  before(async () => {
    place = await makeDatabasePlace();
    const { databaseUrl, dataDir } = place;
    const env = { REDIS_URL: process.env.TEST_REDIS_URL, LOG_LEVEL: "silent", DATABASE_URL: databaseUrl ?? undefined };
    const config = loadConfig({ env, flags: { port: 0, data: dataDir, example: true }, cwd: dataDir });
    // Ports of its own: another process that flies the example now would take some of the packets.
    const portMin = 30_000 + (process.pid % 300) * 100;
    runtime = await open({ ...config, ground: { ...config.ground, portMin, portMax: portMin + 99 } });
    await runExample(runtime);
    const ask = requester(runtime.url ?? "");
    const { json: listed } = await ask("GET", "/api/pass");
    pass = (await ask("GET", `/api/pass/${listed.rows[0].id}`)).json;
    const { json: plan } = await ask("GET", `/api/plan/${pass.dataset_id}`);
    products = new Map(plan.data_products.map((product: Product) => [product.name, product]));
    folder = join(dataDir, "products", pass.id);
  });

  after(async () => {
    await runtime?.stop();
    await place?.remove();
  });

  it("ends with a completed pass and a plan that is all success", () => {
    assert.equal(pass.state, "completed");
    assert.deepEqual(
      [...products.values()].map(({ name, state }) => [name, state]).sort(),
      [
        "battery-health",
        "checksums",
        "decode",
        "ledger-check",
        "limit-report",
        "quick-look",
        "raw-file",
        "summary",
      ].map((name) => [name, "success"]),
    );
  });

  it("keeps a ledger that says what the simulator says", () => {
    const { account } = sentBy(Date.parse(pass.aos));
    const told = (one: Record<string, number>) => [one.apid, one.missing, one.duplicates, one.out_of_order];
    assert.deepEqual(
      pass.ledger.apids.map((one) => told({ ...one })).sort(),
      account.apids.map((one) => told({ ...one, apid: one.apid } as Record<string, number>)).sort(), // all of these are numbers
    );
    assert.equal(
      pass.ledger.stored,
      account.apids.reduce((sum, { distinct }) => sum + distinct, 0),
    );
    assert.equal(pass.ledger.datagrams, account.datagrams);
    assert.equal(pass.ledger.kernel_drops ?? 0, 0);
  });

  it("names every file in a passback, with its size and a checksum that hold", () => {
    const files = [...products.values()].flatMap(({ passback }) => passback.files);
    assert.deepEqual(files.map(({ name }) => name).sort(), readdirSync(folder).sort());
    for (const { name, path, bytes, sha256, cksum } of files) {
      const content = readFileSync(join(folder, name));
      assert.equal(basename(path), name);
      assert.equal(bytes, content.length, name);
      if (sha256 !== undefined) assert.equal(sha256, createHash("sha256").update(content).digest("hex"), name);
      else assert.equal(cksum, execFileSync("cksum", [path], { encoding: "utf8" }).split(" ")[0], name);
    }
  });

  it("decodes each packet that came down whole into a row, and no other", () => {
    const { counts } = sentBy(Date.parse(pass.aos));
    for (const [kind, apid] of Object.entries(kinds)) {
      const rows = rowsOf(`${kind}.csv`);
      const sequences = rows.map((row) => Number(row.sequence));
      assert.deepEqual(new Set(sequences), counts.get(apid), kind);
      assert.equal(sequences.length, counts.get(apid)?.size, kind);
    }
  });

  it("decodes values as the ship's sensors had them", () => {
    for (const row of rowsOf("power.csv")) {
      // The packet's clock has 1/65,536 s.
      const sample = orbitAt(ship, Date.parse(row.taken_at ?? "") / 1000, orbitS);
      near(row.battery_voltage, sample.batteryVoltage, 0.002);
      near(row.battery_charge, sample.batteryCharge, 0.26);
      assert.equal(row.sunlight, sample.isSunlit ? "sunlight" : "eclipse");
    }
  });

  it("keeps the raw packets, back to back, as they were stored", () => {
    const bytes = readFileSync(join(folder, "packets.ccsds"));
    let packets = 0;
    for (let at = 0; at < bytes.length; at += sizeAt(bytes, at)) {
      assert.ok(isCrcRight(bytes, at, sizeAt(bytes, at)));
      packets += 1;
    }
    assert.equal(packets, pass.ledger.stored);
    assert.equal(products.get("ledger-check")?.passback.stored, packets);
  });

  it("reports limits, draws the picture, and sums up", () => {
    const charges = rowsOf("power.csv").map((row) => Number(row.battery_charge));
    const low = charges.filter((charge) => charge < 70).length;
    const report = products.get("limit-report")?.passback.parameters as Record<string, Record<string, number>>; // what limit-report.ts hands back
    const { watch = 0, warning = 0, critical = 0 } = report.battery_charge ?? {};
    assert.equal(watch + warning + critical, low);
    const battery = JSON.parse(readFileSync(join(folder, "battery-health.json"), "utf8"));
    assert.equal(battery.charge_percent.min, Math.min(...charges));
    assert.equal(battery.charge_percent.max, Math.max(...charges));
    const picture = readFileSync(join(folder, "quick-look.svg"), "utf8");
    assert.equal(picture.match(/<polyline /g)?.length, 3);
    assert.doesNotMatch(picture, /NaN|undefined|Infinity/);
    const summary = readFileSync(join(folder, "summary.md"), "utf8");
    assert.match(summary, new RegExp(`\\| stored \\| ${pass.ledger.stored} \\|`));
    assert.match(summary, /\| quick-look\.svg \|/);
  });

  function rowsOf(file: string): Record<string, string>[] {
    const [head = "", ...lines] = readFileSync(join(folder, file), "utf8").trimEnd().split("\n");
    const names = head.split(",");
    return lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i] ?? "", cell])));
  }
});

function near(text: string | undefined, value: number, by: number): void {
  assert.ok(Math.abs(Number(text) - value) <= by, `${text} is not within ${by} of ${value}`);
}
