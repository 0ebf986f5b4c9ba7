/** What the pass received and lost. Fails when the archive is not what the ledger says, or too little came down to be worth computing. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import { passOf, productFolder } from "./pass.ts";
import { writeProduct } from "./product-file.ts";

export default async function checkLedger(task: FunctionTask) {
  const params = passOf(task);
  const { ledger, telemetry } = params;
  const digest = createHash("sha256");
  for await (const block of createReadStream(telemetry.path, { signal: task.signal })) digest.update(block);
  if (digest.digest("hex") !== telemetry.sha256) throw new Error(`${telemetry.path} is not what the pass has archived`);
  if (telemetry.packets !== ledger.stored)
    throw new Error(`The archive has ${telemetry.packets} packets, the ledger ${ledger.stored}`);

  const file = await writeProduct(join(await productFolder(params), "ledger.json"), [
    `${JSON.stringify(ledger, null, 2)}\n`,
  ]);
  const { completeness_min: least = 0 } = task.passthrough as { completeness_min?: number }; // passOf has seen an object
  const share = `${(ledger.completeness * 100).toFixed(3)} %`;
  task.log(`${share} complete: ${ledger.stored} packets stored, ${ledger.missing} missing, ${ledger.duplicates} twice`);
  if (ledger.completeness < least) throw new Error(`Only ${share} came down, ${least * 100} % are needed`);
  const { received, stored, missing, duplicates, out_of_order, completeness } = ledger;
  return { files: [file], received, stored, missing, duplicates, out_of_order, completeness };
}
