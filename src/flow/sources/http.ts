/** The source of a flow that is sent its messages by `POST /api/flow/{flow}/message`: nothing is read, so nothing is committed. */
import * as v from "valibot";
import type { Source } from "../source.ts";

export const httpSource = v.strictObject({ kind: v.literal("http") });

export const createHttpSource = (): Source => ({
  async open() {},
  pause() {},
  resume() {},
  async commit() {},
  waiting: () => null,
  async close() {},
});
