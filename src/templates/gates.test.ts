import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createComputes } from "../compute/compute.ts";
import { externalCompute } from "../compute/external.ts";
import { InvalidFieldError } from "../model/errors.ts";
import { backfillRuns } from "./backfill-runs.ts";
import { planOf, productIdOf } from "./plan-of.ts";
import { readTemplate } from "./read.ts";

const datasetId = "018f3a52-0000-7000-8000-000000000001";
const passId = "018f3a52-0000-7000-8000-000000000002";
const computes = createComputes(new Map([["cams", externalCompute]]));
const read = (text: string) => readTemplate({ text, path: "gated.yaml", fallbackId: "gated" }, { computes });
const task = (require: string): string => `tasks:\n  - id: plot\n    compute: cams\n    require: ${require}\n`;

function readTemplateFault(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return assert.fail("it was taken");
}

describe("require", () => {
  it("puts a gate before its task, which takes the place of its parents, after the condition of when", () => {
    const template = read(`
params: { dry: { default: false } }
tasks:
  - { id: raw, compute: cams }
  - { id: plot, name: Plot, compute: cams, depends_on: [raw], when: not params.dry, require: { completeness: 0.999, apids: [100, 101] } }
`);
    const plan = planOf(template, { datasetId, params: { pass: { id: passId } } });
    const id = (name: string) => productIdOf(datasetId, name);
    assert.deepEqual(
      plan.dependencies.map(({ parentId, childId }) => [parentId, childId]),
      [
        [id("raw"), id("plot.when")],
        [id("plot.when"), id("plot.require")],
        [id("plot.require"), id("plot")],
      ],
    );
    const gate = plan.products.find(({ productId }) => productId === id("plot.require"));
    assert.deepEqual([gate?.name, gate?.compute, gate?.eager], ["Plot: require", "orrery.require", true]);
    assert.deepEqual(JSON.parse(gate?.passthrough ?? ""), {
      require: { completeness: 0.999, apids: [100, 101] },
      params: { pass: { id: passId }, dry: false },
    });
  });

  it("is refused at its place when it is unfit", () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["{ completeness: 0 }", /^gated\.yaml:4:16: .*require\.completeness: a share above 0 and up to 1 is needed/],
      ["{ completeness: 1.01 }", /share above 0/],
      ["{ completeness: -1 }", /share above 0/],
      ["{ completeness: .nan }", /share above 0/],
      ["{ completeness: '0.9' }", /share above 0/],
      ["{ completeness: 0.9, apids: [] }", /^gated\.yaml:4:35: .*one APID at least/],
      ["{ completeness: 0.9, apids: [100, 2047] }", /^gated\.yaml:4:48: .*whole number from 0 to 2046/],
      ["{ completeness: 0.9, apids: [1.5] }", /whole number from 0 to 2046/],
      ["{ completeness: 0.9, apids: [-1] }", /whole number from 0 to 2046/],
      ["{ completeness: 0.9, apids: [7, 7] }", /an APID is in it twice/],
      ["{ completeness: 0.9, apids: 7 }", /a list of APIDs is needed/],
      ["{ completeness: 0.9, apid: 7 }", /^gated\.yaml:4:35: .*unknown key "apid"/],
      ["{ apids: [7] }", /missing key "completeness"/],
      ["0.9", /a mapping such as \{ completeness: 0\.999 \} is needed/],
    ];
    for (const [require, expected] of cases)
      assert.match(
        readTemplateFault(() => read(task(require))),
        expected,
      );
    assert.match(
      readTemplateFault(() => read(`schedule: "0 6 * * *"\n${task("{ completeness: 1 }")}`)),
      /^gated\.yaml:5:5: a schedule's runs have no pass/,
    );
  });

  it("needs a pass: a run that has none is refused when it is asked for, by hand or as a backfill", () => {
    const template = read(task("{ completeness: 1 }"));
    const refused = (error: unknown) =>
      error instanceof InvalidFieldError &&
      /^params\.pass: template "gated" requires completeness of a pass \(plot\.require\)/.test(error.message);
    for (const params of [{}, { pass: null }, { pass: "x" }, { pass: { id: "no uuid" } }])
      assert.throws(() => planOf(template, { datasetId, params }), refused);
    const [run] = backfillRuns(template, { params: [{ pass: { id: passId } }] });
    assert.deepEqual(run?.params.pass, { id: passId });
    assert.throws(() => backfillRuns(template, { params: [{ a: 1 }] }), /params\.0\.pass: /);
  });
});
