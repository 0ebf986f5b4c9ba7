import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createComputes } from "../compute/compute.ts";
import { externalCompute } from "../compute/external.ts";
import { SetupError } from "../model/errors.ts";
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

describe("a template's parameters", () => {
  const typed = (params: string, line = "compute: cams") => read(`params: ${params}\ntasks: [{ id: a, ${line} }]`);
  const fault = (params: string, line = "compute: cams") => refused(`params: ${params}\ntasks: [{ id: a, ${line} }]`);

  it("have types, and values and defaults that keep to them", () => {
    const { params } = typed("{ n: integer, day: { type: date, default: 2026-01-31 }, kind: { values: [a, 2] } }");
    assert.deepEqual(
      [...params].map(([name, { type, values, default: given }]) => [name, type, values, given]),
      [
        ["n", "integer", [], null],
        ["day", "date", [], '"2026-01-31"'],
        ["kind", "enum", ["a", "2"], null],
      ],
    );
    assert.match(
      fault("{ n: { type: integer, default: 1.5 } }"),
      /^orbit\.yaml:1:31: the default of "n" is wrong: a whole/,
    );
    assert.match(fault("{ d: { type: date, default: 2026-02-30 } }"), /a date such as 2026-01-31 is needed/);
    assert.match(fault("{ n: whole }"), /^orbit\.yaml:1:11: cannot use params\.n/);
    assert.match(fault("{ n: { type: enum } }"), /an enum needs values/);
    assert.match(fault("{ 'a b': string }"), /cannot name a parameter "a b"/);
  });

  it("are refused in what a shell or an interpreter reads, with the variable to use instead", () => {
    const day = "{ the-day: date }";
    assert.match(
      fault(day, 'command: "cp {{ params.the-day }} x"'),
      /^orbit\.yaml:2:18: \{\{ params\.the-day \}\} may not stand in a command of one text.*Use "\$ORRERY_PARAM_THE_DAY"/,
    );
    assert.match(fault(day, 'script: "echo {{params.the-day}}"'), /may not stand in a script/);
    assert.match(fault(day, 'container: { image: "x:{{ params.the-day }}" }'), /an image takes no placeholder/);
    assert.match(fault(day, 'command: [cp, "{{ params.day }}"]'), /names no parameter: declare day under params/);
    assert.match(fault(day, 'command: [cp, "{{ env.x }}"]'), /unknown placeholder \{\{ env\.x \}\}/);
    assert.doesNotThrow(() =>
      typed(day, 'command: [cp, "x/{{ params.the-day }}"], env: { D: "{{ params.the-day }}" }'),
    );
    // Braces that are none of ours stay what they are.
    assert.doesNotThrow(() => typed(day, `command: "docker ps --format '{{.Names}}'"`));
  });

  it("fill the values of a passthrough, each as its own type, once", () => {
    const template = read(`
params: { n: integer, text: string, list: json }
tasks:
  - id: a
    compute: cams
    passthrough: { n: "{{ params.n }}", path: "x/{{params.n}}/{{ params.text }}", deep: [{ l: "{{ params.list.0 }}" }] }
`);
    const given = { n: "18446744073709551615", text: "{{ params.n }}", list: [true] };
    const [product] = planOf(template, { datasetId, params: given }).products;
    assert.equal(
      product?.passthrough,
      '{"n":18446744073709551615,"path":"x/18446744073709551615/{{ params.n }}","deep":[{"l":true}],' +
        '"params":{"n":18446744073709551615,"text":"{{ params.n }}","list":[true]}}',
    );
  });

  it("are refused when they are of another type, or unknown where types are declared", () => {
    const template = typed("{ n: integer, day: { type: date, required: true }, b: boolean, k: { values: [x] } }");
    const plan = (params: Record<string, unknown>, strict = true) => planOf(template, { datasetId, params, strict });
    const good = { day: "2026-01-31" };
    assert.throws(() => plan({ ...good, n: 1.5 }), /params\.n: a whole number is needed, 1\.5 was given/);
    assert.throws(() => plan({ day: "31.1.2026" }), /params\.day: a date such as/);
    assert.throws(() => plan({ ...good, k: "y" }), /params\.k: one of x is needed/);
    assert.throws(() => plan({ ...good, dya: 1 }), /params\.dya: .* has no such parameter: it has n, day, b, k/);
    assert.throws(() => plan({}), /params\.day: template "orbit" needs it/);
    assert.doesNotThrow(() => plan({ ...good, dya: 1 }, false));
    assert.match(plan({ ...good, n: "3", b: "true" }).extra ?? "", /"params":\{"day":"2026-01-31","n":3,"b":true\}/);
  });
});

describe("the kinds of tasks", () => {
  it("are made of what the task has", () => {
    const { tasks } = read(`
params: { go: boolean }
tasks:
  - { id: compute, compute: cams }
  - { id: command, command: ls, retries: 2, backoff: { kind: linear, base: 2s, max: 1m, jitter: false } }
  - { id: script, script: "print(1)", interpreter: python3 -u, queue: heavy, requires: [gpu], priority: 5 }
  - { id: container, container: { image: alpine, args: [echo, hi] }, timeout_secs: 30 }
  - { id: http, http: { url: "https://example.org/{{ params.go }}", body: { a: 1 } } }
  - { id: wait, wait: 1h30m }
  - { id: until, wait: { until: "06:00", timezone: Europe/Berlin } }
  - { id: condition, condition: params.go, depends_on: [wait] }
  - { id: guarded, command: ls, depends_on: [command], when: parents.command.rows > 3, check: { type: object }, deadline: 2h }
`);
    assert.deepEqual(
      tasks.map(({ id, kind, compute }) => [id, kind, compute]),
      [
        ["compute", "compute", "cams"],
        ["command", "command", "template:orbit@0/command"],
        ["script", "script", "template:orbit@0/script"],
        ["container", "container", "template:orbit@0/container"],
        ["http", "http", "template:orbit@0/http"],
        ["wait", "wait", "orrery.wait"],
        ["until", "wait", "orrery.wait"],
        ["condition", "condition", "orrery.condition"],
        ["guarded.when", "condition", "orrery.condition"],
        ["guarded", "command", "template:orbit@0/guarded"],
      ],
    );
    const of = (id: string) => tasks.find((task) => task.id === id);
    assert.deepEqual(of("command")?.work?.retry, { kind: "linear", baseMs: 2_000, maxMs: 60_000, jitter: false });
    assert.deepEqual(of("script")?.work?.what, { kind: "script", text: "print(1)", interpreter: ["python3", "-u"] });
    assert.deepEqual(
      [of("script")?.work?.queue, of("script")?.work?.requires, of("script")?.work?.priority],
      ["heavy", ["gpu"], 5],
    );
    assert.deepEqual(of("wait")?.passthrough, { wait_s: 5_400 });
    assert.deepEqual(of("until")?.passthrough, { until: "06:00", timezone: "Europe/Berlin" });
    assert.deepEqual([of("guarded.when")?.dependsOn, of("guarded")?.dependsOn], [["command"], ["guarded.when"]]);
    assert.deepEqual([of("guarded")?.check, of("guarded")?.deadlineS], ['{"type":"object"}', 7_200]);
  });

  it("are refused where they cannot do their work", () => {
    const task = (line: string) =>
      refused(`params: { x: json }\ntasks:\n  - { id: a, compute: cams }\n  - id: b\n    ${line}\n`);
    assert.match(task("wait: soon"), /^orbit\.yaml:5:5: cannot use tasks\.1\.wait/);
    assert.match(task('wait: { until: "25h" }'), /cannot wait until "25h"/);
    assert.match(task('wait: { until: "06:00", timezone: Mars/X }'), /unknown timezone "Mars\/X"/);
    assert.match(task("condition: parents.a.x"), /asks for parents\.a, which task "b" does not depend on/);
    assert.match(task("condition: params.y"), /asks for params\.y, which is no parameter/);
    assert.match(task("condition: params.x ="), /^orbit\.yaml:5:5: not a condition: "=" at character/);
    assert.match(task("command: ls\n    script: ls"), /a task has a command or a script, not both/);
    assert.match(task("container: { name: x }"), /^orbit\.yaml:5:5|unknown key "name"/);
    assert.match(task("command: ls\n    env: { '1X': a }"), /a variable has letters/);
    assert.match(task("command: ls\n    priority: 200"), /cannot use tasks\.1\.priority/);
    assert.match(task("compute: cams\n    queue: fast"), /^orbit\.yaml:6:5: queue is for what Orrery runs/);
  });
});

describe("a template's schedule", () => {
  const scheduled = (schedule: string, more = "") =>
    read(`schedule: ${schedule}\n${more}\ntasks: [{ id: a, compute: cams }]`).schedule;
  const fault = (schedule: string, more = "") =>
    refused(`schedule: ${schedule}\n${more}\ntasks: [{ id: a, compute: cams }]`);

  it("is a cron pattern or a mapping", () => {
    const plain = {
      everyS: null,
      timezone: "UTC",
      missed: "latest",
      overlap: "allow",
      windowS: 86_400,
      runsMax: 1,
      params: {},
    };
    assert.deepEqual(scheduled('"0 3 * * *"'), { ...plain, cron: "0 3 * * *" });
    assert.deepEqual(scheduled('"*/10 * * * * *"', "timezone: Asia/Kolkata"), {
      ...plain,
      cron: "*/10 * * * * *",
      timezone: "Asia/Kolkata",
    });
    assert.deepEqual(
      scheduled(
        '{ every: 15m, missed: all, window: 2d, overlap: queue, max_runs: 2, params: { day: "{{ tick.date }}" } }',
        "params: { day: date }",
      ),
      {
        ...plain,
        cron: null,
        everyS: 900,
        missed: "all",
        windowS: 172_800,
        overlap: "queue",
        runsMax: 2,
        params: { day: "{{ tick.date }}" },
      },
    );
  });

  it("is refused when it never ticks, or its runs would fail", () => {
    assert.match(
      fault("daily"),
      /^orbit\.yaml:1:1: cannot use the schedule "daily": 5 or 6 fields are needed, it has 1/,
    );
    assert.match(fault('"61 * * * *"'), /Invalid value for minute: 61/);
    assert.match(fault('"0 0 31 2 *"'), /it never comes/);
    assert.match(fault('"0 3 * * *"', "timezone: Europe/Bonn"), /^orbit\.yaml:2:1: unknown timezone "Europe\/Bonn"/);
    assert.match(
      fault('{ cron: "0 3 * * *", overlap: maybe }'),
      /cannot use schedule\.overlap: one of allow, skip, queue/,
    );
    assert.match(fault("{ timezone: UTC }"), /either cron or every/);
    assert.match(
      fault('"0 3 * * *"', "params: { day: { type: date, required: true } }"),
      /its runs need the parameter "day"/,
    );
    assert.match(
      fault('{ every: 1h, params: { n: "{{ tick.date }}" } }', "params: { n: integer }"),
      /the value of "n" is wrong: a whole number/,
    );
    assert.match(
      fault('{ every: 1h, params: { n: "{{ tick.hour }}" } }', "params: { n: string }"),
      /unknown placeholder \{\{ tick\.hour \}\}/,
    );
    assert.match(fault("{ every: 1h, params: { m: 1 } }", "params: { n: string }"), /"m" is no parameter/);
  });
});
