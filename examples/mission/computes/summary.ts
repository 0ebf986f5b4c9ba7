/** The pass on one page, in Markdown: what came down, what it says, and the files that were made of it. */
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { passOf, productFolder } from "./pass.ts";
import { type WrittenFile, writeProduct } from "./product-file.ts";

interface Passback {
  readonly files?: readonly (Pick<WrittenFile, "name" | "bytes"> & { readonly rows?: number })[];
  readonly verdict?: string;
  readonly reasons?: readonly string[];
  readonly critical?: number;
  readonly warning?: number;
  readonly watch?: number;
}

export default async function summary(task: FunctionTask) {
  const params = passOf(task);
  const { pass, ledger } = params;
  const passbacks = new Map(task.parents.map(({ name, passback }) => [name, (passback ?? {}) as Passback])); // from this folder's computes
  const battery = passbacks.get("battery-health");
  const limits = passbacks.get("limit-report");
  const files = [...passbacks.values()].flatMap((passback) => passback.files ?? []);
  const text = [
    `# Pass of ${params.ship}`,
    "",
    `From ${pass.aos} to ${pass.los}${pass.station === null ? "" : ` at ${pass.station}`}, on ${pass.host}:${pass.port}.`,
    "",
    "| packets | |",
    "|---|---:|",
    `| received | ${ledger.received} |`,
    `| stored | ${ledger.stored} |`,
    `| missing | ${ledger.missing} |`,
    `| twice | ${ledger.duplicates} |`,
    `| out of order | ${ledger.out_of_order} |`,
    `| complete | ${(ledger.completeness * 100).toFixed(3)} % |`,
    "",
    `Battery: ${[battery?.verdict ?? "not judged", ...(battery?.reasons ?? [])].join("; ")}.`,
    "",
    `Out of limits: ${limits?.critical ?? 0} values critical, ${limits?.warning ?? 0} warning, ${limits?.watch ?? 0} watch.`,
    "",
    "| file | bytes | rows |",
    "|---|---:|---:|",
    ...files.map((file) => `| ${file.name} | ${file.bytes} | ${file.rows ?? ""} |`),
    "",
  ];
  const file = await writeProduct(join(await productFolder(params), "summary.md"), [text.join("\n")]);
  return { files: [file], verdict: battery?.verdict ?? null, completeness: ledger.completeness, listed: files.length };
}
