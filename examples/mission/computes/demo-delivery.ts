/** For `orrery jobs demo`: delivers to an archive that is closed until the moment that the job names, and fails while it is. */
import type { FunctionTask } from "../../../src/compute/function.ts";

export default function deliver({ payload, attempt, log }: FunctionTask) {
  const { what = "nothing", opens_at: opensAt } = (payload ?? {}) as { what?: string; opens_at?: string }; // as the demo sends it
  log(`attempt ${attempt}: delivering ${what}`);
  if (opensAt !== undefined && Date.now() < Date.parse(opensAt))
    throw new Error(`the archive is closed until ${opensAt}`);
  return { delivered: what };
}
