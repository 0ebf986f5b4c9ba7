import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { TemplateFaultError } from "../model/template-errors.ts";
import { readTemplate } from "./read.ts";

const computes = { names: () => ["cams"], isKnown: (name: string) => name === "cams", dispatches: () => false };
const read = (text: string) => readTemplate({ text, path: "flow.yaml", fallbackId: "flow" }, { computes });
const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, "../../tests/fixtures/templates", name), "utf8");

function refused(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof TemplateFaultError, String(error));
    return error.message;
  }
  return assert.fail("it was taken");
}

describe("FlowForge's flat dialect", () => {
  it("loads unchanged", () => {
    const template = read(fixture("flowforge-flat.yaml"));
    assert.deepEqual(
      [template.id, template.schedule?.cron, template.schedule?.timezone],
      ["nightly-report", "0 2 * * *", "Europe/Berlin"],
    );
    assert.deepEqual(
      template.tasks.map(({ id, name, work, dependsOn }) => [id, name, work?.attempts, work?.timeoutS, dependsOn]),
      [
        ["count", "Count the lines", 2, 30, []],
        ["weigh", "Weigh them", 3, null, []],
        ["report", "Report", 2, null, ["count", "weigh"]],
      ],
    );
  });

  it("loads as JSON too, with the places of its faults", () => {
    const text = '{\n  "id": "j",\n  "tasks": [\n    {"id": "a", "command": "ls", "timeout_secs": "5"}\n  ]\n}';
    assert.match(refused(text), /^flow\.yaml:4:34: cannot use tasks\.0\.timeout_secs: a number of seconds is needed/);
    assert.equal(read(text.replace('"5"', "5")).tasks[0]?.work?.timeoutS, 5);
  });
});

describe("flowforge.io/v1", () => {
  it("loads unchanged", () => {
    const template = read(fixture("flowforge-v1.yaml"));
    assert.deepEqual(
      [template.id, template.labels, template.deadlineS],
      ["daily-intake", { team: "ground", tier: "1" }, 1_800],
    );
    assert.deepEqual(template.schedule, {
      ...{ cron: "15 * * * *", everyS: null, timezone: "America/New_York", missed: "latest", windowS: 86_400 },
      ...{ overlap: "queue", runsMax: 2, params: {} },
    });
    assert.deepEqual(
      [...template.params].map(([name, { type, default: given }]) => [name, type, given]),
      [
        ["source", "string", '"harbour"'],
        ["limit", "integer", "10"],
      ],
    );
    assert.deepEqual(
      template.tasks.map(({ id, kind, dependsOn }) => [id, kind, dependsOn]),
      [
        ["extract", "command", []],
        ["settle", "wait", ["extract"]],
        ["enough", "condition", ["extract"]],
        ["transform", "script", ["settle", "enough"]],
        ["load", "command", ["transform"]],
      ],
    );
    const [extract, , , transform] = template.tasks;
    assert.deepEqual(
      [extract?.work?.attempts, extract?.work?.timeoutS, extract?.work?.env],
      [3, 300, { MODE: "fast" }],
    );
    assert.deepEqual(extract?.work?.retry, { kind: "exponential", baseMs: 1_000, maxMs: 4_000, jitter: true });
    assert.deepEqual([transform?.work?.attempts, transform?.work?.timeoutS], [2, 60]);
    assert.deepEqual(transform?.work?.retry, { kind: "fixed", baseMs: 2_000, maxMs: 60_000, jitter: false });
  });

  const spec = (lines: string) => `apiVersion: flowforge.io/v1\nmetadata: { name: My Flow! }\nspec:\n${lines}\n`;
  const one = "  tasks: [{ id: a, type: shell, command: ls }]";

  it("takes snake_case, bare numbers, lists of parameters, and names for people", () => {
    const template = read(
      spec(`  schedule: { interval_secs: 600 }
  concurrency: { max_runs: 3 }
  retries: 2
  sla: { completion_time: 2h }
  parameters: [{ name: day, type: date }, { name: mode, enum: [a, b], default: a }]
  tasks:
    - { id: a, type: docker, image: alpine, command: "echo hi", depends_on: [b], timeout_secs: 5 }
    - { id: b, type: http, url: "https://example.org", headers: { X: 1 } }
    - { id: c, type: python, script: "print(1)", condition: "params.mode == 'a'" }`),
    );
    assert.deepEqual([template.id, template.name, template.deadlineS], ["my-flow", "My Flow!", 7_200]);
    assert.deepEqual([template.schedule?.everyS, template.schedule?.runsMax], [600, 3]);
    assert.deepEqual(template.params.get("mode")?.values, ["a", "b"]);
    assert.deepEqual(
      template.tasks.map(({ id }) => id),
      ["a", "b", "c.when", "c"],
    );
    assert.deepEqual(template.tasks[0]?.work?.what, {
      kind: "container",
      image: "alpine",
      args: ["sh", "-c", "echo hi"],
      ...{ network: "bridge", cpus: null, memoryMb: null },
    });
    assert.equal(template.tasks[0]?.work?.attempts, 3);
    assert.deepEqual(template.tasks[3]?.work?.what, { kind: "script", text: "print(1)", interpreter: ["python3"] });
  });

  for (const [given, kind] of [
    ["exponential", "exponential"],
    ["EXPONENTIAL_WITH_JITTER", "exponential"],
    ["linear", "linear"],
    ["fixed", "fixed"],
    ["constant", "fixed"],
    ["none", "fixed"],
  ] as const) {
    it(`knows the backoff ${given}`, () => {
      const rule = read(spec(`  retries: { maxAttempts: 3, backoff: ${given} }\n${one}`)).tasks[0]?.work?.retry;
      assert.equal(rule?.kind, kind);
      assert.equal(rule?.jitter, given === "EXPONENTIAL_WITH_JITTER");
      assert.equal(rule?.baseMs, given === "none" ? 0 : 1_000);
    });
  }

  it("is refused with the place of the fault", () => {
    assert.match(refused(spec("  task: []")), /^flow\.yaml:3:1: missing key "tasks": a list is needed/);
    assert.match(
      refused("apiVersion: flowforge.io/v2\nmetadata: { name: a }\nspec: {}"),
      /^flow\.yaml:1:1: unknown apiVersion/,
    );
    assert.match(
      refused("apiVersion: flowforge.io/v1\nkind: Connector\nmetadata: {}\nspec: {}"),
      /^flow\.yaml:2:1: unknown kind "Connector"/,
    );
    assert.match(
      refused(spec("  tasks:\n    - id: a\n      type: spark")),
      /^flow\.yaml:6:7: unknown type "spark": shell,/,
    );
    assert.match(refused(spec("  tasks:\n    - id: a\n      type: wait")), /^flow\.yaml:5:7: missing key "waitSecs"/);
    assert.match(
      refused(spec("  tasks:\n    - id: a\n      type: shell\n      command: ls\n      dependsOn: [b]")),
      /^flow\.yaml:8:19: task "a" depends on "b"/,
    );
    assert.match(
      refused(spec(`  retries: { maxAttempts: 2, backoff: wild }\n${one}`)),
      /^flow\.yaml:4:30: unknown backoff "wild"/,
    );
    assert.match(
      refused(spec(`  schedule: { cron: "nope" }\n${one}`)),
      /^flow\.yaml:4:15: cannot use the schedule "nope"/,
    );
    assert.match(
      refused(
        spec('  parameters: { d: { type: date } }\n  tasks: [{ id: a, type: shell, command: "x {{ params.d }}" }]'),
      ),
      /Use "\$ORRERY_PARAM_D"/,
    );
  });
});
