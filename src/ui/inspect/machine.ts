/** A machine as its chart shows it, read from the machine itself: states, transitions, guards, actions, what is invoked. */
import type { AnyStateMachine, AnyTransitionDefinition } from "xstate";
import {
  datasetMachine,
  jobMachine,
  listenerMachine,
  passMachine,
  productMachine,
  sourceMachine,
} from "../../../actors/index.ts";
import { nameOfPart } from "../../observe/inspection.ts";

export interface ChartTransition {
  readonly event: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
  /** Null: it stays where it is. */
  readonly target: string | null;
}

export interface ChartState {
  readonly name: string;
  readonly isInitial: boolean;
  readonly isFinal: boolean;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invoked: readonly string[];
  readonly transitions: readonly ChartTransition[];
}

export interface Chart {
  readonly id: string;
  readonly states: readonly ChartState[];
  /** What it answers in any state that says nothing else. */
  readonly anywhere: readonly ChartTransition[];
}

export const machineNames = ["dataset", "product", "pass", "listener", "source", "job"] as const;
export type MachineName = (typeof machineNames)[number];

const machines: Readonly<Record<MachineName, AnyStateMachine>> = {
  dataset: datasetMachine,
  product: productMachine,
  pass: passMachine,
  listener: listenerMachine,
  source: sourceMachine,
  job: jobMachine,
};

export const charts: Readonly<Record<MachineName, Chart>> = {
  dataset: chartOf(datasetMachine),
  product: chartOf(productMachine),
  pass: chartOf(passMachine),
  listener: chartOf(listenerMachine),
  source: chartOf(sourceMachine),
  job: chartOf(jobMachine),
};

export function isMachineName(name: string): name is MachineName {
  return (machineNames as readonly string[]).includes(name);
}

/** As tools of XState read it: JSON, functions by their names. */
export function definitionJson(name: MachineName): string {
  return JSON.stringify(machines[name].config, (_, value: unknown) =>
    typeof value === "function" ? { type: nameOfPart(value) } : value,
  );
}

/** A machine's states stand side by side: a state inside of another one has no chart here, and throws. */
export function chartOf(machine: AnyStateMachine): Chart {
  const { root } = machine;
  const initial = root.initial.target.map(({ key }) => key);
  const states = Object.values(root.states).map((node): ChartState => {
    if (Object.keys(node.states).length > 0) throw new Error(`Cannot draw ${machine.id}: ${node.key} has inner states`);
    return {
      name: node.key,
      isInitial: initial.includes(node.key),
      isFinal: node.type === "final",
      entry: node.entry.map(nameOfPart),
      exit: node.exit.map(nameOfPart),
      invoked: node.invoke.map(({ id }) => id),
      transitions: [...node.transitions].flatMap(([event, all]) => all.map((one) => transitionOf(event, one))),
    };
  });
  const anywhere = [...root.transitions].flatMap(([event, all]) => all.map((one) => transitionOf(event, one)));
  return { id: machine.id, states, anywhere };
}

function transitionOf(event: string, { guard, actions, target }: AnyTransitionDefinition): ChartTransition {
  return {
    event,
    guard: guard === undefined ? null : nameOfPart(guard),
    actions: actions.map(nameOfPart),
    target: target?.[0]?.key ?? null,
  };
}
