import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createComputes } from "../compute/compute.ts";
import { externalCompute } from "../compute/external.ts";
import { SetupError } from "../model/errors.ts";
import { addInlineComputes } from "./inline.ts";
import { planOf } from "./plan-of.ts";
import { readTemplate } from "./read.ts";

const datasetId = "018f3a52-0000-7000-8000-000000000001";
const computesOf = () => createComputes(new Map([["cams", externalCompute]]));
const read = (text: string, computes = computesOf()) =>
  readTemplate({ text, path: "orbit.yaml", fallbackId: "orbit" }, { computes });

function refused(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof SetupError, String(error));
    return error.message;
  }
  return assert.fail("it was taken");
}

const orbit = `
name: Orbit products
params:
  ship: { required: true }
  limit: { default: 3.5, description: Volts }
tasks:
  - name: raw
    compute: cams
  - id: plot
    name: Quick look
    version: "2"
    command: ["python3", "plot.py"]
    depends_on: [raw]
    eager: false
    passthrough: { dpi: 90 }
    env: { THEME: dark }
    timeout_secs: 60
    retries: 1
`;

describe("a template", () => {
  it("becomes a plan with ids of its dataset and task, so that it is the same plan twice", () => {
    const plan = planOf(read(orbit), { datasetId, params: { ship: "AURORA-1" } });
    assert.deepEqual(plan, planOf(read(orbit), { datasetId, params: { ship: "AURORA-1" } }));
    const [raw, plot] = plan.products;
    assert.deepEqual(
      [raw?.name, raw?.version, raw?.compute, raw?.eager, raw?.passthrough],
      ["raw", "1", "cams", true, '{"params":{"ship":"AURORA-1","limit":3.5}}'],
    );
    assert.deepEqual(
      [plot?.name, plot?.version, plot?.compute, plot?.eager, plot?.passthrough],
      ["Quick look", "2", "template:orbit@0/plot", false, '{"dpi":90,"params":{"ship":"AURORA-1","limit":3.5}}'],
    );
    assert.deepEqual(plan.dependencies, [{ parentId: raw?.productId, childId: plot?.productId, extra: null }]);
    assert.equal(plan.extra, '{"template":"orbit","name":"Orbit products","params":{"ship":"AURORA-1","limit":3.5}}');
    assert.ok(plan.onlyIfAbsent);
    const other = planOf(read(orbit), { datasetId: "018f3a52-0000-7000-8000-000000000002", params: { ship: "B" } });
    assert.notEqual(other.products[0]?.productId, raw?.productId);
  });

  it("keeps its commands with the server, under a compute that no configuration can name", () => {
    const computes = computesOf();
    const template = read(orbit, computes);
    assert.ok(!JSON.stringify(planOf(template, { datasetId, params: { ship: "A" } })).includes("plot.py"));
    addInlineComputes({ computes, cwd: ".", environment: {} }, { ...template, version: 0 }, true);
    assert.deepEqual(
      ["template:orbit@0/plot", "template:orbit/plot", "template:orbit@1/plot"].map((name) => computes.isKnown(name)),
      [true, true, false],
    );
    assert.deepEqual(computes.names(), ["cams"]);
    const plot = computes.get("template:orbit@0/plot");
    assert.deepEqual([plot?.kind, plot?.attemptsMax], ["shell", 2]);
  });

  it("insists on required parameters, and on few bytes of them", () => {
    assert.throws(() => planOf(read(orbit), { datasetId, params: {} }), /params\.ship: template "orbit" needs it/);
    const large = { ship: "x".repeat(70_000) };
    assert.throws(() => planOf(read(orbit), { datasetId, params: large }), /at most 65536 are taken/);
  });

  it("takes a parameter named __proto__ as one like any other", () => {
    const params = JSON.parse('{"ship":"A","__proto__":{"polluted":true}}');
    const plan = planOf(read(orbit), { datasetId, params });
    assert.match(plan.extra ?? "", /"__proto__":\{"polluted":true\}/);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it("is named after its file when it names no id", () => {
    const text = "tasks: [{ name: a, compute: cams }]";
    const template = read(text);
    assert.deepEqual([template.id, template.name, template.description], ["orbit", "orbit", null]);
    assert.equal(read(`id: other\n${text}`).id, "other");
  });
});

describe("a template that cannot be used", () => {
  const task = (line: string) => refused(`tasks:\n  - name: a\n    ${line}\n`);

  it("is refused with file, line and column of the fault", () => {
    assert.equal(
      refused("tasks:\n  - name: a\n    compute: spark\n"),
      'orbit.yaml:3:5: unknown compute "spark": name one of cams, or add it to orrery.yaml',
    );
    assert.match(
      task("compute: cams\n    depend_on: [b]"),
      /^orbit\.yaml:4:5: unknown key "depend_on": known keys are id, name,/,
    );
    assert.match(
      task("compute: cams\n    depends_on: [b]"),
      /^orbit\.yaml:4:18: task "a" depends on "b", which is no task here/,
    );
    assert.match(
      task("compute: cams\n    version: 1.0"),
      /^orbit\.yaml:4:5: cannot use tasks\.0\.version: text is needed: put it in quotes/,
    );
    assert.match(task("compute: cams\n    eager: often"), /^orbit\.yaml:4:5: cannot use tasks\.0\.eager/);
    assert.match(
      task("compute: cams\n    retries: 3"),
      /^orbit\.yaml:4:5: retries is for what Orrery runs: .* external/,
    );
    assert.match(
      refused("shedule: daily\ntasks: [{ name: a, compute: cams }]"),
      /^orbit\.yaml:1:1: unknown key "shedule": known keys are id, name, description, labels, schedule, timezone,/,
    );
  });

  it("may lack what it needs", () => {
    assert.match(refused("name: x"), /^orbit\.yaml:1:1: missing key "tasks"/);
    assert.match(refused("tasks: []"), /at least one task/);
    assert.match(refused("tasks: [{ compute: cams }]"), /orbit\.yaml:1:9: a task needs an id or a name/);
    assert.match(refused("tasks: [{ name: a }]"), /orbit\.yaml:1:9: a task needs a compute or a command/);
    assert.match(refused("- a"), /a mapping is needed|missing key/);
    assert.match(refused(""), /a mapping is needed/);
  });

  it("may say too much", () => {
    assert.match(
      task("compute: cams\n    command: ls"),
      /^orbit\.yaml:3:5: a task has a compute or a command, not both/,
    );
    assert.match(
      refused("tasks:\n  - { id: a, compute: cams }\n  - { id: a, compute: cams }"),
      /^orbit\.yaml:3:7: there are two tasks "a"/,
    );
    assert.match(task("compute: cams\n    compute: cams"), /^orbit\.yaml:4:5: not YAML: Map keys must be unique/);
    assert.match(
      refused("id: ../etc\ntasks: [{ name: a, compute: cams }]"),
      /^orbit\.yaml:1:1: cannot use id: an id has letters/,
    );
  });

  it("may be cyclical: one cycle is named", () => {
    const text =
      "tasks:\n  - { id: a, compute: cams, depends_on: [c] }\n  - { id: b, compute: cams, depends_on: [a] }\n  - { id: c, compute: cams, depends_on: [b] }\n";
    assert.match(
      refused(text),
      /^orbit\.yaml:\d:\d+: the tasks are cyclical: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)/,
    );
    assert.match(task("compute: cams\n    depends_on: [a]"), /cyclical: a -> a/);
    assert.match(
      refused("tasks:\n  - { id: a, compute: cams }\n  - { id: b, compute: cams, depends_on: [a, a] }"),
      /names "a" twice/,
    );
  });

  it("may be no YAML, a bomb of aliases, or nested without end", () => {
    assert.match(refused("tasks: [\n"), /^orbit\.yaml:2:1: not YAML:/);
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x,x]",
      ..."bcdefghi".split("").map((name, i) => `${name}: &${name} [${Array(10).fill(`*${"abcdefgh"[i]}`).join(",")}]`),
    ];
    assert.match(refused(bomb.join("\n")), /alias/i);
    assert.match(refused(`tasks: ${"[".repeat(100_000)}`), /not YAML/);
  });
});
