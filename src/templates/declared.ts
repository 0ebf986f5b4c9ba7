/** What a template declares beside its tasks, checked: parameters and their defaults, the schedule and the parameters of its runs. */
import { parseJson } from "../model/json.ts";
import { ticksOf } from "./cron.ts";
import type { Draft, DraftParam } from "./draft.ts";
import { neededOf, paramNameShape, valueOfType } from "./params.ts";
import { eachText, filled, placeholdersOf } from "./placeholders.ts";
import {
  type MissedPolicy,
  missedPolicies,
  type OverlapPolicy,
  overlapPolicies,
  type Param,
  type ParamType,
  paramTypes,
  type Schedule,
} from "./templates.ts";
import type { YamlSource } from "./yaml-source.ts";
import { isZone } from "./zone.ts";

export function paramsOfDraft(draft: Draft, yaml: YamlSource): Map<string, Param> {
  const params = new Map<string, Param>();
  for (const given of draft.params) {
    const { name, at } = given;
    if (params.has(name)) throw yaml.error(at, `there are two parameters "${name}"`);
    if (!paramNameShape.test(name))
      throw yaml.error(at, `cannot name a parameter "${name}": letters, digits, _ and - only, at most 64`);
    params.set(name, paramOf(given, yaml));
  }
  return params;
}

function paramOf(given: DraftParam, yaml: YamlSource): Param {
  const { at, values } = given;
  const named = given.type ?? (values.length > 0 ? "enum" : "json");
  const type = paramTypes.find((one) => one === named);
  if (type === undefined)
    throw yaml.error(
      [...at, "type"],
      `unknown type "${named}" of parameter "${given.name}": one of ${paramTypes.join(", ")}`,
    );
  if ((type === "enum") !== values.length > 0)
    throw yaml.error(at, type === "enum" ? "an enum needs values" : `values are for an enum, not for ${type}`);
  const asked = { type, values } satisfies { type: ParamType; values: readonly string[] };
  if (given.default !== undefined && given.default !== null && valueOfType(asked, jsonOf(given.default)) === undefined)
    throw yaml.error([...at, "default"], `the default of "${given.name}" is wrong: ${neededOf(asked)} is needed`);
  const taken = given.default === undefined ? undefined : valueOfType(asked, jsonOf(given.default));
  return {
    ...asked,
    description: given.description ?? null,
    default: taken === undefined ? null : JSON.stringify(taken),
    required: given.required,
  };
}

const jsonOf = (value: unknown): unknown => parseJson(JSON.stringify(value) ?? "null");

const defaults = { timezone: "UTC", missed: "latest", overlap: "allow", windowS: 86_400, runsMax: 1 } as const;
const someTick = { at: "2026-01-31T02:30:00Z", date: "2026-01-31", previous: "2026-01-30T02:30:00Z" };

export function scheduleOfDraft(draft: Draft, params: ReadonlyMap<string, Param>, yaml: YamlSource): Schedule | null {
  const given = draft.schedule;
  if (given === null) return null;
  const timezone = given.timezone ?? defaults.timezone;
  if (!isZone(timezone))
    throw yaml.error(given.timezoneAt, `unknown timezone "${timezone}": one such as Europe/Berlin is needed`);
  const times = { cron: given.cron, everyS: given.everyS, timezone };
  try {
    ticksOf(times);
  } catch (error) {
    throw yaml.error(
      given.at,
      `cannot use the schedule "${given.cron}": ${error instanceof Error ? error.message : error}`,
    );
  }
  if (given.everyS !== null && given.everyS < 1) throw yaml.error(given.at, "a schedule ticks every second at most");
  const word = <Word extends string>(words: readonly Word[], asked: string | undefined, or: Word): Word => {
    if (asked === undefined) return or;
    const found = words.find((one) => one === asked);
    if (found === undefined) throw yaml.error(given.at, `"${asked}" is not known here: one of ${words.join(", ")}`);
    return found;
  };
  eachText(given.params, (text, keys) => {
    for (const { scope, path, text: shown } of placeholdersOf(text))
      if (scope !== "tick" || path.length !== 1 || !Object.hasOwn(someTick, path[0] ?? ""))
        throw yaml.error(
          [...given.paramsAt, ...keys],
          `unknown placeholder ${shown}: {{ tick.at }}, {{ tick.date }} and {{ tick.previous }} are there`,
        );
  });
  checkRunParams(given.params, params, (name, message) => yaml.error([...given.paramsAt, name], message));
  for (const [name, param] of params)
    if (param.required && param.default === null && !Object.hasOwn(given.params, name))
      throw yaml.error(
        given.at,
        `its runs need the parameter "${name}": give it a default, or a value under schedule.params`,
      );
  return {
    ...times,
    missed: word<MissedPolicy>(missedPolicies, given.missed, defaults.missed),
    overlap: word<OverlapPolicy>(overlapPolicies, given.overlap, defaults.overlap),
    windowS: given.windowS ?? defaults.windowS,
    runsMax: given.runsMax ?? defaults.runsMax,
    params: given.params,
  };
}

function checkRunParams(
  values: Readonly<Record<string, unknown>>,
  params: ReadonlyMap<string, Param>,
  fault: (name: string, message: string) => Error,
): void {
  for (const [name, value] of Object.entries(values)) {
    const param = params.get(name);
    if (param === undefined) throw fault(name, `"${name}" is no parameter: declare it under params`);
    // As of some tick: whether it is a date is the same for each.
    if (valueOfType(param, jsonOf(filled(value, { tick: someTick }))) === undefined)
      throw fault(name, `the value of "${name}" is wrong: ${neededOf(param)} is needed`);
  }
}
