/** What a batch of inputs to a flow is. */
import { z } from "@hono/zod-openapi";

/** Inputs of one request. */
export const batchMax = 1000;

export const ProcessBatch = z.object({ inputs: z.array(z.unknown()) });
