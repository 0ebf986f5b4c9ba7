/** Templates: plans with their products named by task, kept as YAML files, published as often as they are triggered. */
import type { JsonText } from "../model/json.ts";

export interface Template {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly params: ReadonlyMap<string, Param>;
  readonly tasks: readonly TemplateTask[];
}

export interface Param {
  readonly description: string | null;
  /** As JSON; null if there is none. */
  readonly default: JsonText | null;
  readonly required: boolean;
}

export interface TemplateTask {
  /** Unique in its template; the product's id is derived from it. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** For a task with a command: a compute of its own, known to the server only. */
  readonly compute: string;
  readonly eager: boolean;
  readonly dependsOn: readonly string[];
  readonly passthrough: Readonly<Record<string, unknown>> | null;
}

export interface Templates {
  get(id: string): Template | undefined;
  /** Sorted by id. */
  list(): readonly Template[];
}

export function createTemplates(templates: readonly Template[]): Templates {
  const sorted = [...templates].sort((a, b) => (a.id < b.id ? -1 : 1));
  const byId = new Map(sorted.map((template) => [template.id, template]));
  return { get: (id) => byId.get(id), list: () => sorted };
}

/**
 * The compute of a task with a command. A configured name has no colon, so they cannot meet. The command itself stays in the
 * template's file: a plan that names this compute runs that command and no other.
 */
export const inlineComputeName = (templateId: string, taskId: string): string => `template:${templateId}/${taskId}`;
