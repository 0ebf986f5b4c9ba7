/** Every time that a parameter left or entered a limit range, as CSV, and how often each one was out of limits. */
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { definitionOf, packetsOf } from "./packets.ts";
import { passOf, productFolder } from "./pass.ts";
import { writeProduct } from "./product-file.ts";

interface Tally {
  checked: number;
  watch: number;
  warning: number;
  critical: number;
}

export default async function limitReport(task: FunctionTask) {
  const params = passOf(task);
  const definition = definitionOf(params);
  const tallies: Record<string, Tally> = {};
  const stateOf = new Map<string, string>();
  let changes = 0;
  async function* lines() {
    yield "taken_at,packet,sequence,parameter,from,to,value,unit\n";
    for await (const packet of packetsOf(params.telemetry.path, definition)) {
      task.signal.throwIfAborted();
      for (const [name, { value, unit, limit }] of packet.values) {
        if (limit === null) continue;
        tallies[name] ??= { checked: 0, watch: 0, warning: 0, critical: 0 };
        tallies[name].checked += 1;
        if (limit.startsWith("watch")) tallies[name].watch += 1;
        else if (limit.startsWith("warning")) tallies[name].warning += 1;
        else if (limit.startsWith("critical")) tallies[name].critical += 1;
        const before = stateOf.get(name) ?? "ok";
        if (before === limit) continue;
        stateOf.set(name, limit);
        changes += 1;
        yield `${packet.takenAt ?? ""},${packet.packet},${packet.sequenceCount},${name},${before},${limit},${value ?? ""},${unit ?? ""}\n`;
      }
    }
  }
  const file = await writeProduct(join(await productFolder(params), "limits.csv"), lines());
  const out = (level: "watch" | "warning" | "critical") =>
    Object.values(tallies).reduce((sum, tally) => sum + tally[level], 0);
  const totals = { watch: out("watch"), warning: out("warning"), critical: out("critical") };
  task.log(`${changes} changes; ${totals.critical} values critical, ${totals.warning} warning, ${totals.watch} watch`);
  return { files: [file], changes, ...totals, parameters: tallies };
}
