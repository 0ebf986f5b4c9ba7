/** Templates on a test's own store: several nodes that know them, without anybody to run their jobs. */
import { createComputes } from "../../src/compute/compute.ts";
import { externalCompute } from "../../src/compute/external.ts";
import { systemClock } from "../../src/model/clock.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { Database } from "../../src/store/sql.ts";
import { readTemplate } from "../../src/templates/read.ts";
import { Scheduler, type SchedulerParts } from "../../src/templates/scheduler.ts";
import { createStoredTemplates, type StoredTemplates } from "../../src/templates/stored.ts";

export interface TemplateNode {
  readonly templates: StoredTemplates;
  readonly computes: ReturnType<typeof createComputes>;
  readonly parts: SchedulerParts;
  readonly scheduler: Scheduler;
  stop(): Promise<void>;
}

/** `files`: texts of a folder, by name. */
export async function startTemplates(
  database: Database,
  { files = {}, ...more }: Partial<SchedulerParts> & { files?: Record<string, string> } = {},
): Promise<TemplateNode> {
  const computes = createComputes(new Map([["cams", externalCompute]]));
  const log = createLog("silent");
  const folder = Object.entries(files).map(([path, source]) => ({
    ...{ path, source, template: readTemplate({ text: source, path, fallbackId: path }, { computes }) },
  }));
  const templates = createStoredTemplates({
    ...{ database, computes, files: folder, clock: systemClock, log, service: "orrery" },
    ...{ cwd: ".", environment: process.env, pollMs: 50 },
  });
  await templates.start();
  const parts: SchedulerParts = {
    ...{ database, templates, clock: systemClock, log, metrics: createMetrics() },
    supervisor: { onCommitted: () => () => {} },
    wakeJobs: () => {},
    ...more,
  };
  const scheduler = new Scheduler(parts);
  return {
    templates,
    computes,
    parts,
    scheduler,
    async stop() {
      await scheduler.stop();
      await templates.stop();
    },
  };
}
