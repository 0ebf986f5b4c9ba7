/** Keeps the state charts in docs/architecture.md true: each arrow is a transition of its machine, and each transition an arrow. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  datasetMachine,
  jobMachine,
  listenerMachine,
  passMachine,
  productMachine,
  sourceMachine,
} from "../actors/index.ts";

interface Node {
  readonly initial?: unknown;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly states?: Readonly<Record<string, Node>>;
}

const machines = {
  dataset: datasetMachine.config,
  job: jobMachine.config,
  listener: listenerMachine.config,
  pass: passMachine.config,
  product: productMachine.config,
  source: sourceMachine.config,
};

/** `from --> to`; `any` where the whole machine answers. Those that stay in their state are left out. */
function arrowsOf(machine: Node): string[] {
  const arrows = new Set([`[*] --> ${machine.initial}`]);
  const add = (from: string, on: Node["on"]) => {
    for (const transition of Object.values(on ?? {}).flat()) {
      const given = typeof transition === "string" ? transition : (transition as { target?: string }).target; // all that xstate allows here
      const target = given?.replace(/^\./, "");
      if (target !== undefined && target !== from) arrows.add(`${from} --> ${target}`);
    }
  };
  add("any", machine.on);
  for (const [name, state] of Object.entries(machine.states ?? {})) add(name, state.on);
  return [...arrows].sort();
}

function drawnArrows(chart: string): string[] {
  const names = new Map([...chart.matchAll(/state "([^"]+)" as (\w+)/g)].map(([, name = "", id = ""]) => [id, name]));
  names.set("any", "any");
  const arrows = chart.matchAll(/^\s*(\S+) --> (\w+)/gm);
  return [...arrows].map(([, from = "", to = ""]) => `${names.get(from) ?? from} --> ${names.get(to) ?? to}`).sort();
}

describe("the state charts in docs/architecture.md", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/architecture.md"), "utf8");
  const charts = new Map(
    [...text.matchAll(/\(`actors\/(\w+)\.ts`\)[\s\S]*?```mermaid\n([\s\S]*?)```/g)].map(([, name = "", chart = ""]) => [
      name,
      chart,
    ]),
  );
  for (const [name, machine] of Object.entries(machines)) {
    it(`draw every transition of the ${name}, and no other`, () => {
      assert.deepEqual(drawnArrows(charts.get(name) ?? ""), arrowsOf(machine as Node)); // the part of its configuration that is drawn
    });
  }
});
