/** Waits for a job's end, by asking: at first often, then every two seconds. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import { endedJobStates, type Job } from "./shapes.ts";

const firstMs = 100;
const lastMs = 2000;

export async function waitForJob(client: Client, id: string, onState: (job: Job) => void = () => {}): Promise<Job> {
  let known = "";
  for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * 1.5, lastMs)) {
    const job = await client.get<Job>(`/job/${encodeURIComponent(id)}`);
    if (job.state !== known) onState(job);
    known = job.state;
    if (endedJobStates.includes(job.state)) return job;
    await sleep(pauseMs);
  }
}
