/** An external compute: we dispatch nothing, and somebody else reports the product's state by the API. */
import { type Compute, dispatchOf } from "./compute.ts";

export const externalCompute: Compute = {
  kind: "external",
  ...dispatchOf({ attempts: 0 }, 0),
  run: async () => ({ outcome: "failed", error: "an external compute is not run here", output: "" }),
};
