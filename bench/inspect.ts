// Question (P1): what does the inspector cost a turn while nobody looks, and while somebody does?
// Method: the plan loop's commands (publish 11 products, report each running and success, clear the first) on the supervisor and its actors alone, with
// a store that answers at once: what is measured is the CPU of the turns and nothing else. Rounds in alternating order, each on plans of its own; a first round is
// thrown away. "after": somebody looked before, and nobody does now. The same file without the watched cases runs on a commit before the inspector (--baseline).
// What would flatter it: a database, HTTP or logs in the figures, beside which a turn is small.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { systemClock } from "../src/model/clock.ts";
import type { ClientCommand } from "../src/model/command.ts";
import type { PlanStore } from "../src/store/plan-store.ts";
import { createSupervisor, type Supervisor } from "../src/supervisor/supervisor.ts";
import { systemTimers } from "../src/supervisor/system-timers.ts";
import { median } from "./measure/median.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    rounds: { type: "string", default: "9" },
    plans: { type: "string", default: "400" },
    baseline: { type: "boolean", default: false },
  },
});
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const plans = flags.smoke ? 10 : Number(flags.plans);
const products = 11;
const atOnce = 30;

/** Stores nothing: every step is applied at once. */
const store: PlanStore = {
  load: async () => new Map(),
  revisions: async () => new Map(),
  commit: async (steps) => ({
    won: new Set(steps.map(({ datasetId }) => datasetId)),
    superseded: new Set(),
    leases: false,
  }),
  findTurn: async () => true,
  findAnswer: async () => null,
};

function newSupervisor(): Supervisor {
  return createSupervisor({
    store,
    alone: true,
    clock: systemClock,
    timers: systemTimers,
    computes: { names: () => ["cams"], isKnown: () => true, dispatches: () => false, get: () => undefined },
    observe: {
      turn: () => {},
      batch: () => {},
      defect: (error) => {
        throw error;
      },
    },
  });
}

/** Turns of one plan. */
async function onePlan(supervisor: Supervisor): Promise<number> {
  const datasetId = randomUUID();
  const ids = Array.from({ length: products }, () => randomUUID());
  const definition = { compute: "cams", name: "product", version: "1", eager: true, passthrough: null, extra: null };
  const submit = (command: ClientCommand) => supervisor.submit(command, { service: "bench", cause: command.type });
  await submit({
    type: "plan.publish",
    datasetId,
    extra: null,
    products: ids.map((productId) => ({ productId, ...definition })),
    dependencies: ids.slice(1).map((childId, i) => ({ parentId: ids[i] ?? "", childId, extra: null })),
  });
  for (const productId of ids) {
    for (const state of ["running", "success"] as const)
      await submit({
        type: "products.update",
        datasetId,
        reports: [{ productId, state, runId: null, link: null, passback: null }],
      });
  }
  await submit({ type: "products.clear", datasetId, productIds: ids.slice(0, 1) });
  return 2 * products + 2;
}

/** CPU-microseconds a turn. */
async function round(supervisor: Supervisor): Promise<number> {
  const before = process.cpuUsage();
  let left = plans;
  let turns = 0;
  const user = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const done = await onePlan(supervisor);
      turns += done;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, user));
  const { user: userUs, system } = process.cpuUsage(before);
  return (userUs + system) / turns;
}

let steps = 0;
const cases: Record<string, (supervisor: Supervisor) => () => void> = {
  "nobody looks": () => () => {},
  ...(!flags.baseline && {
    after: (supervisor: Supervisor) => {
      supervisor.inspection.watch(() => {})();
      return () => {};
    },
    "somebody looks": (supervisor: Supervisor) =>
      supervisor.inspection.watch((turn) => {
        steps += turn.steps.length;
      }),
  }),
};

const figures = new Map(Object.keys(cases).map((name) => [name, [] as number[]]));
for (let n = 0; n <= rounds; n++) {
  const order = Object.entries(cases);
  if (n % 2 === 1) order.reverse();
  for (const [name, look] of order) {
    const supervisor = newSupervisor();
    const stop = look(supervisor);
    const us = await round(supervisor);
    stop();
    await supervisor.stop();
    if (n > 0 || flags.smoke) figures.get(name)?.push(Math.round(us * 10) / 10);
  }
}
const results = [...figures].map(([name, us]) => ({ case: name, medianUs: median(us), us }));
console.log(JSON.stringify({ bench: "inspect", rounds, plans, turnsAPlan: 2 * products + 2, results }, null, 2));
if (!flags.baseline && steps === 0) throw new Error("Somebody looked, and was told of nothing");
