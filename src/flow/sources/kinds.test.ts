import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readFlowFile } from "../flow-file.ts";

const read = (source: string) =>
  readFlowFile({ text: `source: ${source}\nsinks: {}\n`, path: "f.yaml", fallbackId: "f" }).source;

describe("the source of a flow's file", () => {
  it("is telemetry, of one ship or several", () => {
    assert.deepEqual(read("{ kind: telemetry, ship: aurora }"), { kind: "telemetry", ship: "aurora" });
    assert.deepEqual(read("{ kind: telemetry, ship: [a, b], apids: [0, 2047], from: earliest }"), {
      ...{ kind: "telemetry", ship: ["a", "b"], apids: [0, 2047], from: "earliest" },
    });
  });

  it("is plans, with what it asks for", () => {
    const id = "0198D8B0-0000-7000-8000-000000000001";
    assert.deepEqual(read(`{ kind: plans, states: [success], products: ["a*"], datasets: ["${id}"] }`), {
      ...{ kind: "plans", states: ["success"], products: ["a*"], datasets: [id.toLowerCase()] },
    });
  });

  for (const [source, reason] of [
    ["{ kind: telemetry }", /missing key "ship"/],
    ["{ kind: telemetry, ship: ../x }", /source\.ship/],
    ["{ kind: telemetry, ship: [] }", /source\.ship/],
    ["{ kind: telemetry, ship: a, apids: [2048] }", /source\.apids/],
    ["{ kind: telemetry, ship: a, from: latest }", /source\.from/],
    ["{ kind: plans, states: [done] }", /source\.states/],
    ["{ kind: plans, datasets: [mine] }", /source\.datasets.*uuid/],
    ["{ kind: plans, ship: a }", /unknown key "ship"/],
  ] as const)
    it(`is refused: ${source}`, () => {
      assert.throws(() => read(source), reason);
    });
});
