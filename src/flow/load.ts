/** Reads the flows of a folder when a node starts: their files, and the modules that these name. One that cannot be used refuses the start. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../compute/function.ts";
import { SetupError } from "../model/errors.ts";
import { schemaFlaw } from "../model/json-schema-flaw.ts";
import { sourceBytesMax } from "../templates/yaml-source.ts";
import { type FlowFile, readFlowFile } from "./flow-file.ts";
import type { FlowModule } from "./hooks.ts";
import { offerOwnPackage } from "./own-package.ts";
import { requireOwnFiles } from "./written-files.ts";

export interface FlowDefinition {
  readonly file: FlowFile;
  readonly module: FlowModule;
  /** Of the file or of the module; null: any JSON will do. */
  readonly inputSchema: string | null;
  /** Relative paths of the flow start here. */
  readonly dir: string;
}

const filesMax = 1000;

/** Reads `*.yaml` and `*.yml` of `dir`. Throws `SetupError`. */
export async function loadFlows(dir: string): Promise<FlowDefinition[]> {
  const entries = await readdir(dir).catch((error: unknown) => {
    throw new SetupError(`Cannot read the folder of flows ${dir}: ${messageOf(error)}`);
  });
  const names = entries.filter((name) => /\.ya?ml$/.test(name)).sort();
  if (names.length > filesMax)
    throw new SetupError(`${dir} holds ${names.length} flows: at most ${filesMax} are taken`);
  const flows = new Map<string, FlowDefinition>();
  for (const name of names) {
    const flow = await loadFlow(join(dir, name));
    const before = flows.get(flow.file.id);
    if (before) throw new SetupError(`${flow.file.path}: the flow "${flow.file.id}" is in ${before.file.path} too`);
    flows.set(flow.file.id, flow);
  }
  const all = [...flows.values()];
  requireOwnFiles(all);
  return all;
}

/** Throws `SetupError`. */
export async function loadFlow(path: string): Promise<FlowDefinition> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw new SetupError(`Cannot read the flow ${path}: ${messageOf(error)}`);
  });
  if (size > sourceBytesMax) throw new SetupError(`${path} has ${size} bytes: a flow has at most ${sourceBytesMax}`);
  const text = await readFile(path, "utf8");
  const file = readFlowFile({ text, path, fallbackId: basename(path, extname(path)) });
  const dir = dirname(path);
  const module = file.module === null ? {} : await loadModule(file.id, resolve(dir, file.module));
  return { file, module, inputSchema: file.inputSchema ?? schemaOf(file.id, module), dir };
}

const functionNames = [
  "onStart",
  "onReady",
  "onAssign",
  "onRevoke",
  "arrange",
  "taskPriority",
  "label",
  "execute",
  "onTaskComplete",
  "onMessageComplete",
  "onWindowComplete",
  "onError",
  "onDeliveryError",
] as const satisfies readonly (keyof FlowModule)[];

async function loadModule(flow: string, path: string): Promise<FlowModule> {
  const cannot = `Cannot load flow "${flow}"`;
  let loaded: { readonly default?: unknown };
  offerOwnPackage();
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new SetupError(`${cannot} from ${path}: ${messageOf(error)}`, { cause: error });
  }
  const { default: module } = loaded;
  if (typeof module !== "object" || module === null)
    throw new SetupError(`${cannot}: ${path} has no default export: write export default defineFlow({ … })`);
  const known = new Set<string>([...functionNames, "input", "periodic"]);
  const unknown = Object.keys(module).find((key) => !known.has(key));
  if (unknown !== undefined)
    throw new SetupError(`${cannot}: ${path} has ${unknown}, which is none of ${[...known].join(", ")}`);
  const given = module as Record<string, unknown>;
  const wrong = functionNames.find((key) => given[key] !== undefined && typeof given[key] !== "function");
  if (wrong !== undefined) throw new SetupError(`${cannot}: ${wrong} of ${path} is no function`);
  const idle = Object.entries(given.periodic ?? {}).find(
    ([, one]) => !(one?.everyS > 0 && typeof one.run === "function"),
  );
  if (idle !== undefined)
    throw new SetupError(`${cannot}: ${idle[0]} of its periodic needs everyS, seconds above 0, and a function run`);
  return module as FlowModule; // its author promises what its functions take and return
}

function schemaOf(flow: string, { input }: FlowModule): string | null {
  if (input === undefined) return null;
  const text = JSON.stringify(input);
  const flaw = schemaFlaw(text);
  if (flaw === null) return text;
  throw new SetupError(
    `Cannot load flow "${flow}": input of its module cannot be used: ${flaw.at && `${flaw.at}: `}${flaw.why}`,
  );
}
