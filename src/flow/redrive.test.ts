import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Stop, Task } from "../compute/compute.ts";
import { FlowNotOpenError } from "../model/flow-errors.ts";
import type { Flow } from "./flow.ts";
import { redriveCompute } from "./redrive.ts";

describe("the redrive of a dead letter", () => {
  it("is tried again, with the reason, while its flow is not open", async () => {
    const flow = {
      requireOpen() {
        throw new FlowNotOpenError("f", "opening", 'Cannot use sink "db": nobody answers');
      },
      requests: { redrive: () => assert.fail("it was asked all the same") },
      definition: { file: { id: "f" } },
    } as unknown as Flow;
    const task = { payload: '{"delivery":{}}' } as Task;
    const result = await redriveCompute(flow).run(task, { signal: new AbortController().signal } as Stop);
    assert.equal(result.outcome, "failed");
    assert.equal("isFinal" in result && result.isFinal, false, "it is tried again");
    assert.match(
      "error" in result ? result.error : "",
      /Flow "f" is not open: Cannot use sink "db": nobody answers: try again/,
    );
  });
});
