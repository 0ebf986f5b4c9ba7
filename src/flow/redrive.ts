/** Does again what a flow could not do: a job of ours, so that dead letters of flows are redriven as all others are. */
import { abortable } from "../compute/abortable.ts";
import { type Compute, dispatchOf } from "../compute/compute.ts";
import { messageOf, reasonOf } from "../compute/function.ts";
import { storableText } from "../compute/output.ts";
import { FlowNotOpenError } from "../model/flow-errors.ts";
import type { Flow } from "./flow.ts";
import { letterOf } from "./letters.ts";

/** Letters of one flow that are redriven at once on a node. */
const concurrency = 8;

export const redriveCompute = (flow: Flow): Compute => ({
  kind: "internal",
  ...dispatchOf({}, concurrency),
  async run({ payload }, { signal }) {
    try {
      flow.requireOpen();
      // What is open at a sink that is away goes on; the job is done again.
      await abortable(flow.requests.redrive(letterOf(flow.definition.file.id, payload), signal), signal);
      return { outcome: "succeeded", passback: null, link: null, output: "" };
    } catch (error) {
      if (signal.aborted) return { outcome: "cancelled", error: reasonOf(signal), output: "" };
      const output = error instanceof Error ? (error.stack ?? "") : "";
      // It has been tried as often as the flow says, unless the flow could not be asked.
      const isFinal = !(error instanceof FlowNotOpenError);
      return { outcome: "failed", error: storableText(messageOf(error)), isFinal, output: storableText(output) };
    }
  },
});
