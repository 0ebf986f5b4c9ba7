/** How an XTCE file gets to a ship: over HTTP, from the command line, and checked without a server. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadConfig } from "../src/config.ts";
import { readShips, storeShips } from "../src/ground/configured-ships.ts";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { container, equal, integer, refTo, spaceSystem } from "./support/xtce.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-xtce-"));
let cli: CliNode;

const xtce = spaceSystem({
  types: integer("u8", 8),
  parameters: { volts: "u8", mode: "u8" },
  containers: container("Power", refTo("volts") + refTo("mode"), "Header", equal("APID", 42) + equal("SecHdr", 0)),
  behind: "<CommandMetaData/>",
});

before(async () => {
  cli = await openCliNode(cwd);
  writeFileSync(join(cwd, "sat.xml"), xtce);
  writeFileSync(join(cwd, "wrong.xml"), xtce.replace('containerRef="Header"', 'containerRef="Nobody"'));
  writeFileSync(join(cwd, "bomb.xml"), `<!DOCTYPE a [<!ENTITY a "b">]>${xtce.slice(xtce.indexOf("<SpaceSystem"))}`);
  writeFileSync(join(cwd, "hk.yaml"), "packets:\n  - { apid: 1, name: hk, fields: [{ name: a, type: u8 }] }\n");
  writeFileSync(join(cwd, "wrong.yaml"), "packets:\n  - apid: 1\n    name: hk\n    fields: [{ name: a, type: u12 }]\n");
});
after(async () => {
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const put = (ship: string, packets: unknown, format = "ccsds") =>
  cli.node.request("PUT", `/api/ship/${ship}`, { token: cli.token, body: { format, packets } });

describe("an XTCE file over HTTP", () => {
  it("becomes the ship's definition, and is answered with what was left out", async () => {
    const { status, json } = await put("aurora", { xtce, crc: true });
    assert.equal(status, 200);
    assert.equal(json.packets.crc, true);
    assert.deepEqual(json.packets.packets[0].when, [{ bit_offset: -44, bits: 1, equals: 0 }]);
    assert.deepEqual(
      json.left_out.map(({ path, count }: { path: string; count: number }) => [path.split("/").at(-1), count]),
      [
        ["Parameter[Version]", 7],
        ["CommandMetaData", 1],
      ],
    );
    const stored = (await cli.node.request("GET", "/api/ship/aurora")).json;
    assert.deepEqual(stored.packets, json.packets);
    assert.equal(stored.left_out, undefined);
    // What was made of it is a definition like any other.
    assert.equal((await put("aurora-2", stored.packets)).status, 200);
  });

  it("is refused with line and path, and for ships that send no packets", async () => {
    const wrong = await put("x", { xtce: xtce.replace('containerRef="Header"', 'containerRef="Nobody"') });
    assert.deepEqual([wrong.status, wrong.json.field], [400, "packets.xtce"]);
    assert.match(wrong.json.detail, /^Cannot use the XTCE file: line 8: .*BaseContainer refers to "Nobody"/);
    assert.equal((await put("x", { xtce }, "raw")).json.field, "packets");
    assert.equal((await put("x", { xtce: 1 })).json.field, "packets.xtce");
    assert.equal((await put("x", { xtce, packets: [] })).status, 400);
    assert.match((await put("x", { xtce: `<!DOCTYPE a>${xtce}` })).json.detail, /is not XML|DOCTYPE/);
    assert.equal((await cli.node.request("GET", "/api/ship/x")).status, 404);
  });
});

describe("orrery packets check", () => {
  it("shows packets, fields and what was left out, without a server", async () => {
    const { code, stdout } = await cli.run("packets", "check", "sat.xml", "--fields");
    assert.equal(code, 0);
    assert.match(stdout, /^Packets: 1, fields: 2\nAPID +PACKET +FIELDS +WHEN\n +42 +Power +2 +bit -44 = 0\n/);
    assert.match(stdout, /Power \(APID 42\)[\s\S]* 8 +mode +u8/);
    assert.match(stdout, /Left out:\n {2}line \d+: SpaceSystem\[Sat\]\/.*primary header.*\(and 6 more\)\n/);
    const json = await cli.json(["packets", "check", "sat.xml"]);
    assert.deepEqual([json.definition.packets[0].apid, json.left_out.length], [42, 2]);
    assert.equal((await cli.json(["packets", "check", "hk.yaml"])).definition.packets[0].name, "hk");
  });

  it("names file and line of what is wrong", async () => {
    const cases: [string, RegExp][] = [
      ["wrong.xml", /Cannot use wrong\.xml: line 8: SpaceSystem\[Sat\]\/.*refers to "Nobody"/],
      ["bomb.xml", /Cannot use bomb\.xml: line 1: it has a DOCTYPE/],
      ["wrong.yaml", /line 4: wrong\.yaml\.packets\.0\.fields\.0\.type/],
    ];
    for (const [file, fault] of cases) {
      const { code, stderr } = await cli.run("packets", "check", file);
      assert.equal(code, 1, file);
      assert.match(stderr, fault);
    }
    assert.equal((await cli.run("packets", "check", "nowhere.xml")).code, 2);
  });
});

describe("orrery ships import", () => {
  it("registers a ship with the packets of a file", async () => {
    const { code, stdout } = await cli.run("ships", "import", "kestrel", "sat.xml", "--crc");
    assert.equal(code, 0);
    assert.match(stdout, /Power[\s\S]*Left out:[\s\S]*Ship kestrel is registered with these packets\./);
    const { packets } = (await cli.node.request("GET", "/api/ship/kestrel")).json;
    assert.deepEqual([packets.crc, packets.packets[0].name], [true, "Power"]);
    assert.equal((await cli.json(["ships", "import", "osprey", "hk.yaml"])).packets.packets[0].name, "hk");
    assert.equal((await cli.run("ships", "import", "x", "wrong.xml")).code, 1);
  });
});

describe("ships in orrery.yaml", () => {
  const shipsOf = (yaml: string) => {
    writeFileSync(join(cwd, "orrery.yaml"), yaml);
    const env = { SECRET_KEY: "secret", REMOTE_APIS: "[]" };
    return readShips(loadConfig({ cwd, env, flags: { config: "orrery.yaml" } }).ships);
  };

  it("are stored at start, once, until their file says something else", async () => {
    const { database, clock, log } = cli.node.runtime;
    const parts = { sql: database.sql, by: "orrery", clock, log };
    const yaml = "ships:\n  heron: { packets: sat.xml, crc: true }\n  egret: { format: raw }\n";
    await storeShips(shipsOf(yaml), parts);
    const read = async (ship: string) => (await cli.node.request("GET", `/api/ship/${ship}`)).json;
    const heron = await read("heron");
    assert.deepEqual([heron.packets.crc, heron.packets.packets[0].name, heron.modified_by], [true, "Power", "orrery"]);
    assert.deepEqual([(await read("egret")).format, (await read("egret")).packets], ["raw", null]);
    await storeShips(shipsOf(yaml), parts);
    assert.equal((await read("heron")).modified_date, heron.modified_date);
    await storeShips(shipsOf(yaml.replace("sat.xml, crc: true", "hk.yaml")), parts);
    assert.equal((await read("heron")).packets.packets[0].name, "hk");
  });

  it("are refused with ship, file and line, before anything is started", () => {
    assert.throws(
      () => shipsOf("ships:\n  x: { packets: wrong.xml }\n"),
      /^SetupError: ships\.x: Cannot use \/.*wrong\.xml: line 8: /,
    );
    assert.throws(() => shipsOf("ships:\n  x: { packets: nowhere.xml }\n"), /ships\.x: cannot read \/.*nowhere\.xml/);
    assert.throws(
      () => shipsOf("ships:\n  x: { format: raw, packets: sat.xml }\n"),
      /orrery\.yaml:2:3: .*only ccsds has packets/,
    );
    assert.throws(() => shipsOf("ships:\n  a:b: {}\n"), /orrery\.yaml:2:\d+: .*a name is 1 to 64 letters/);
    assert.throws(
      () => shipsOf("ships:\n  x: { packet: a }\n"),
      /unknown key "packet" in ships\.x: known keys are format, packets, crc/,
    );
  });

  it("are looked at by `orrery check`", async () => {
    writeFileSync(join(cwd, "orrery.yaml"), "ships:\n  a: { packets: sat.xml }\n  b: { packets: bomb.xml }\n");
    const { stdout } = await cli.run("check", "--config", "orrery.yaml");
    assert.match(stdout, /^ok +ship a +ccsds, packets of \/.*sat\.xml, with things left out/m);
    assert.match(stdout, /^failed +ship b +ships\.b: Cannot use \/.*bomb\.xml: line 1: it has a DOCTYPE/m);
  });
});
