/** The route of a job that a command was given. A text that is no id is refused before anybody is asked. */
import { SetupError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";

export function jobPath(id: string): string {
  const jobId = parseUuid(id);
  if (jobId === null) throw new SetupError(`"${id}" is no job id: orrery jobs list shows them`);
  return `/job/${jobId}`;
}
