/** Configuration: who wins, what is refused, and that every refusal names what to change. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { compareSync } from "bcryptjs";
import { type ConfigSources, loadConfig } from "../src/config.ts";
import { SetupError } from "../src/model/errors.ts";

const hash = "$2b$04$abcdefghijklmnopqrstuuYzM1uJ0Ck5bEzcGwWlQv2oDkqyVnqZC";
const identity = { SECRET_KEY: "secret", REMOTE_APIS: JSON.stringify([{ service: "a", hash, roles: ["publish"] }]) };
const base = mkdtempSync(join(tmpdir(), "orrery-config-"));
let cwd = base;

beforeEach(() => {
  cwd = mkdtempSync(join(base, "case-"));
});
after(() => rmSync(base, { recursive: true, force: true }));

function load(sources: ConfigSources = {}, yaml?: string) {
  if (yaml !== undefined) writeFileSync(join(cwd, "orrery.yaml"), yaml);
  return loadConfig({ cwd, ...sources, env: { ...identity, ...sources.env } });
}

function refusal(sources: ConfigSources = {}, yaml?: string): string {
  try {
    load(sources, yaml);
  } catch (error) {
    assert.ok(error instanceof SetupError, `not a refusal but ${error}`);
    return error.message;
  }
  return assert.fail("was accepted");
}

describe("the configuration", () => {
  it("has defaults that run on one machine with nothing else installed", () => {
    const config = load();
    assert.equal(config.port, 3000);
    assert.equal(config.host, "127.0.0.1");
    assert.equal(config.baseUrl, "http://127.0.0.1:3000");
    assert.equal(config.databaseUrl, null);
    assert.equal(config.redisUrl, null);
    assert.equal(config.maxConnections, 10);
    assert.equal(config.dataDir, join(cwd, "data"));
    assert.equal(config.logLevel, "info");
    assert.deepEqual(config.secretKey, Buffer.from("secret"));
    assert.deepEqual(config.services, [{ service: "a", hash, roles: ["publish"] }]);
    assert.ok(Object.isFrozen(config));
  });

  it("lets a flag win over the environment, and the environment over .env", () => {
    writeFileSync(join(cwd, ".env"), "PORT=1001\nMAX_CONNECTIONS=5\nLOG_LEVEL=warn\n");
    const config = load({ env: { PORT: "1002", LOG_LEVEL: "error" }, flags: { logLevel: "debug" } });
    assert.deepEqual([config.maxConnections, config.port, config.logLevel], [5, 1002, "debug"]);
  });

  it("takes an empty variable for an unset one", () => {
    const config = load({ env: { PORT: "", DATABASE_URL: "", REDIS_URL: "" } });
    assert.deepEqual([config.port, config.databaseUrl, config.redisUrl], [3000, null, null]);
  });

  it("names the variable or the flag that it cannot use, and never shows a password", () => {
    assert.match(refusal({ env: { PORT: "70000" } }), /^Cannot use PORT as a whole number from 0 to 65535/);
    assert.match(refusal({ flags: { port: "x" } }), /^Cannot use --port .*current value is "x"/);
    assert.match(refusal({ env: { LOG_LEVEL: "loud" } }), /LOG_LEVEL as one of trace/);
    assert.match(refusal({ flags: { maxConnections: "0" } }), /--max-connections/);
    const message = refusal({ env: { DATABASE_URL: "mysql://me:hunter2@host/db" } });
    assert.match(message, /DATABASE_URL/);
    assert.doesNotMatch(message, /hunter2/);
  });

  it("refuses services that cannot be used, and says which", () => {
    const list = (value: unknown) => refusal({ env: { REMOTE_APIS: JSON.stringify(value) } });
    assert.match(refusal({ env: { REMOTE_APIS: "[{" } }), /REMOTE_APIS as it is not JSON/);
    assert.match(list([{ service: "a", hash: "plain", roles: [] }]), /at 0\.hash as a bcrypt hash is needed/);
    assert.match(list([{ service: "a", hash, roles: ["root"] }]), /at 0\.roles\.0 as a role is one of/);
    assert.match(list([{ service: "orrery", hash, roles: [] }]), /"orrery" is kept/);
    const twice = { service: "a", hash, roles: [] };
    assert.match(list([twice, twice]), /only once/);
  });
});

describe("without SECRET_KEY and REMOTE_APIS", () => {
  const bare = { SECRET_KEY: undefined, REMOTE_APIS: undefined };

  it("makes a development service with all roles, keeps it for its owner alone, and says so", () => {
    const config = load({ env: bare });
    const path = join(cwd, "data", "development.json");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const kept = JSON.parse(readFileSync(path, "utf8"));
    const [service] = config.services;
    assert.equal(service?.service, kept.service);
    assert.equal(service?.roles.length, 6);
    assert.ok(compareSync(kept.key, service?.hash ?? ""));
    assert.match(config.notes.join(), /SECRET_KEY and REMOTE_APIS not set.*development\.json/);
    assert.deepEqual(load({ env: bare }).secretKey, config.secretKey);
  });

  it("refuses to listen on anything but loopback, and says what to set", () => {
    for (const host of ["0.0.0.0", "::", "192.168.1.5", "orrery.example.org"]) {
      assert.match(refusal({ env: { ...bare, HOST: host } }), /SECRET_KEY and REMOTE_APIS.*orrery hash/);
    }
    assert.match(refusal({ env: { REMOTE_APIS: undefined, HOST: "0.0.0.0" } }), /as REMOTE_APIS is not set/);
    assert.equal(load({ env: { ...bare, HOST: "127.0.0.2" } }).host, "127.0.0.2");
    assert.equal(load({ env: { HOST: "0.0.0.0" } }).baseUrl, "http://localhost:3000");
  });
});

describe("orrery.yaml", () => {
  it("gives computes, templates and the ground segment, relative to itself", () => {
    const config = load(
      {},
      `computes:
  resize: { kind: function, module: ./resize.ts, attempts: 2 }
  convert: { kind: shell, command: [convert, "-"], timeout_s: 30 }
  cams: { kind: external }
templates: ./templates
ground: { ports: [30000, 30010], drain_margin_s: 2 }
`,
    );
    assert.deepEqual(Object.keys(config.computes), ["resize", "convert", "cams"]);
    assert.equal(config.templatesDir, join(cwd, "templates"));
    assert.deepEqual(config.ground, {
      host: "127.0.0.1",
      portMin: 30_000,
      portMax: 30_010,
      prepassMarginS: 5,
      drainMarginS: 2,
      packetSizeMax: 65_542,
      staleAfterS: 30,
      hotBytesMax: 4 * 1024 ** 3,
    });
    assert.equal(config.example, false);
  });

  const refused: [what: string, yaml: string, message: RegExp][] = [
    [
      "an unknown key",
      "computes: {}\nport: 80\n",
      /orrery\.yaml:2:1: unknown key "port": known keys are computes, job_types, templates, flows, jobs, ground/,
    ],
    [
      "an unknown key further down",
      "ground:\n  host: x\n  portz: 1\n",
      /:3:3: unknown key "portz" in ground: known keys are host, ports/,
    ],
    [
      "a key that another kind of compute has",
      "computes:\n  a:\n    kind: function\n    module: ./a.ts\n    command: ls\n",
      /:5:5: unknown key "command" in computes\.a: known keys are kind, module, export/,
    ],
    ["a missing key", "computes:\n  a: { kind: function }\n", /:2:3: missing key "module" in computes\.a/],
    ["an unknown kind", "computes:\n  a: { kind: ftp }\n", /:2:8: .*computes\.a\.kind/],
    [
      "a quota of no packets",
      "ships:\n  a:\n    quota: { packets_per_s: 0 }\n",
      /:3:14: cannot use ships\.a\.quota\.packets_per_s: /,
    ],
    [
      "an unknown key of a ship's retention",
      "ships:\n  a:\n    retention: { days: 3 }\n",
      /:3:18: unknown key "days" in ships\.a\.retention: known keys are archive_days, hot_hours, snapshot_days/,
    ],
    [
      "ports the wrong way round",
      "ground: { ports: [5000, 4000] }\n",
      /:1:11: .*ground\.ports: the first port may not be above/,
    ],
    [
      "a compute's name that no client could send",
      'computes:\n  "a b": { kind: external }\n',
      /:2:3: .*letters, digits/,
    ],
    ["what is not YAML", "computes: [\n", /orrery\.yaml:\d+:\d+: not YAML/],
    ["what is no mapping", "- 1\n", /orrery\.yaml:1:1: /],
    ["a key twice", "templates: a\ntemplates: b\n", /orrery\.yaml:2:1: not YAML/],
  ];
  for (const [what, yaml, message] of refused) {
    it(`refuses ${what}, and says where`, () => assert.match(refusal({}, yaml), message));
  }

  it("must be there when it is named", () => {
    assert.match(refusal({ env: { ORRERY_CONFIG: "other.yaml" } }), /there is no file .*other\.yaml/);
  });

  it("may be empty", () => assert.deepEqual(load({}, "# nothing\n").computes, {}));
});

describe("the example mission", () => {
  const isOn = (sources: ConfigSources, yaml?: string) => load(sources, yaml).example;

  it("runs when there is neither a configuration file nor a database, unless flags say otherwise", () => {
    const databaseUrl = "postgres://localhost/orrery";
    assert.equal(isOn({}), true);
    assert.equal(isOn({ flags: { example: false } }), false);
    assert.equal(isOn({ flags: { databaseUrl } }), false);
    assert.equal(isOn({ flags: { databaseUrl, example: true } }), true);
    assert.equal(isOn({}, "computes: {}"), false);
  });
});
