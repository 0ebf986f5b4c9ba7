/** What stands before a task: `when` puts a condition before it, `require` a gate; each takes the place of the task's parents. */
import type { Draft, DraftTask, DraftWork } from "./draft.ts";
import { idRule, idShape } from "./template-id.ts";
import type { Keys, YamlSource } from "./yaml-source.ts";

export function withGates({ tasks, schedule }: Pick<Draft, "tasks" | "schedule">, yaml: YamlSource): DraftTask[] {
  return tasks.flatMap((task): DraftTask[] => {
    if (task.require !== null && schedule !== null)
      throw yaml.error(task.requireAt, "a schedule's runs have no pass whose completeness could be required");
    let { dependsOn } = task;
    let dependsOnAt = task.dependsOnAt;
    const before: DraftTask[] = [];
    const put = (key: "when" | "require", at: Keys, work: DraftWork): void => {
      const gate = { ...gateOf(task, key, at, work, yaml), dependsOn, dependsOnAt };
      before.push(gate);
      dependsOn = [gate.id];
      dependsOnAt = at;
    };
    // First whether it is wanted at all.
    if (task.when !== null) put("when", task.whenAt, { kind: "condition", text: task.when });
    if (task.require !== null) put("require", task.requireAt, { kind: "require", ...task.require });
    return [...before, { ...task, when: null, require: null, dependsOn, dependsOnAt }];
  });
}

function gateOf(task: DraftTask, key: string, at: Keys, work: DraftWork, yaml: YamlSource): DraftTask {
  const id = `${task.id}.${key}`;
  if (!idShape.test(id)) throw yaml.error(at, `the id "${id}" of what stands before it is too long: ${idRule}`);
  return {
    ...task,
    id,
    name: `${task.name ?? task.id}: ${key}`,
    work,
    workAt: at,
    eager: true,
    passthrough: null,
    env: {},
    attempts: null,
    timeoutS: null,
    retry: null,
    queue: null,
    requires: [],
    when: null,
    require: null,
    check: undefined,
    deadlineS: null,
  };
}
