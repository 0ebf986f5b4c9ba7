/** Runs the example mission once: a ship, a 20-second pass, the simulator sending to it, and the plan that is made of what came in. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { parse } from "yaml";
import { sendSimulation } from "./ground/sim-sender.ts";
import { ShipSimulation } from "./ground/simulator.ts";
import type { Runtime } from "./runtime.ts";

const ship = "demo";
const template = "pass-products";
const passS = 20;
const leadS = 3;
const sentS = passS - 2;
const packetsPerS = 50;
/** Of all kinds, those that the link loses too. */
export const packetsGenerated = packetsPerS * sentS;
/** A little of everything that a link does, so that the ledger has something to tell. */
const link = { lose: 0.01, duplicate: 0.005, reorder: 0.01, corrupt: 0.005, idle: 0.02 };
/** Short, so that a pass of seconds sees day and night. */
const orbitS = 40;
const productsMsMax = 120_000;
/** Each look is a line in the log: more of them would drown what the example says. */
const lookMs = 1_000;

/** The ship of a pass: the same AOS gives the same packets and the same losses. */
export function exampleShip(aosMs: number): ShipSimulation {
  return new ShipSimulation({ ...link, seed: Math.floor(aosMs / 1000) % 2 ** 31, ship: 0, orbitS, sizeBytes: null });
}

const Pass = v.object({
  id: v.string(),
  port: v.number(),
  state: v.string(),
  reason: v.nullish(v.string()),
  dataset_id: v.nullable(v.string()),
});
const Ledger = v.object({
  ledger: v.object({ received: v.number(), stored: v.number(), missing: v.number(), completeness: v.number() }),
});
const Plan = v.object({ data_products: v.array(v.object({ name: v.string(), state: v.string() })) });

type Call = <Schema extends v.GenericSchema>(
  schema: Schema,
  method: string,
  path: string,
  body?: unknown,
) => Promise<v.InferOutput<Schema>>;

/** Never rejects: an example that does not work must not take the node with it. */
export async function runExample(runtime: Runtime): Promise<void> {
  const { log, closing, config, templates } = runtime;
  const definitionPath = join(config.configDir, "packets.yaml");
  const publisher = config.services.find(({ roles }) => roles.includes("publish"));
  if (templates.get(template) === undefined || !existsSync(definitionPath)) {
    log.warn(
      `no example mission: ${config.configPath ?? config.configDir} has no template "${template}" or no packets.yaml`,
    );
    return;
  }
  if (publisher === undefined) {
    log.warn("no example mission: no configured service may publish");
    return;
  }
  try {
    await fly(runtime, caller(runtime, publisher.service), definitionPath);
  } catch (error) {
    if (!closing.aborted) log.error({ err: error }, "the example mission failed");
  }
}

async function fly(runtime: Runtime, call: Call, definitionPath: string): Promise<void> {
  const { log, closing } = runtime;
  const url = runtime.url ?? runtime.config.baseUrl;
  const packets: unknown = parse(readFileSync(definitionPath, "utf8"));
  await call(v.unknown(), "PUT", `/api/ship/${ship}`, { format: "ccsds", packets });
  const aosMs = Date.now() + leadS * 1000;
  const asked = { ship, station: "example", port: "auto", aos: rfc3339(aosMs), duration_s: passS, template };
  const pass = await call(Pass, "POST", "/api/pass", asked);
  log.info(
    `example: ship "${ship}" passes in ${leadS} s, for ${passS} s, on UDP port ${pass.port}: see ${url}/pass/${pass.id}`,
  );

  const now = () => call(Pass, "GET", `/api/pass/${pass.id}`);
  await until(closing, 30_000, async () => (await now()).state !== "planned");
  await sleep(Math.max(0, aosMs - Date.now()), undefined, { signal: closing });
  const { ships } = await sendSimulation({
    host: "127.0.0.1",
    ports: [pass.port],
    ships: [exampleShip(aosMs)],
    ratePerS: packetsPerS,
    seconds: sentS,
    signal: closing,
  });
  log.info(`example: the simulator sent ${ships[0]?.datagrams ?? 0} datagrams; the pass ends at LOS`);

  await until(closing, 60_000, async () =>
    ["completed", "failed", "cancelled", "missed"].includes((await now()).state),
  );
  const ended = await now();
  if (ended.state !== "completed") throw new Error(`The pass ended as ${ended.state}: ${ended.reason}`);
  const { ledger } = await call(Ledger, "GET", `/api/pass/${pass.id}`);
  const share = (ledger.completeness * 100).toFixed(2);
  log.info(
    `example: ${ledger.stored} of ${ledger.received} packets stored, ${ledger.missing} missing, ${share} % complete`,
  );

  const { dataset_id: datasetId } = await now();
  if (datasetId === null) throw new Error("The pass has ended without a plan");
  log.info(`example: its products are being computed: see ${url}/plan/${datasetId}`);
  // The pass names its plan before the job that publishes it has run.
  await until(closing, productsMsMax, async () => (await runtime.supervisor.read(datasetId)) !== null);
  const states = async () => (await call(Plan, "GET", `/api/plan/${datasetId}`)).data_products;
  await until(closing, productsMsMax, async () =>
    (await states()).every(({ state }) => state === "success" || state === "failed"),
  );
  const products = await states();
  const failed = products.filter(({ state }) => state !== "success").map(({ name }) => name);
  if (failed.length > 0) throw new Error(`These products failed: ${failed.join(", ")}; see ${url}/plan/${datasetId}`);
  log.info(`example: all ${products.length} products are there. Done: ${url}/plan/${datasetId}`);
}

/** Speaks to this node as any client does, without a socket. */
function caller(runtime: Runtime, service: string): Call {
  const token = runtime.auth.issue(service).access_token;
  return async (schema, method, path, body) => {
    const answer = await runtime.fetch(
      new Request(`http://localhost${path}`, {
        method,
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return v.parse(schema, JSON.parse(text));
  };
}

async function until(closing: AbortSignal, withinMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`Waited in vain for ${withinMs / 1000} s`);
    await sleep(lookMs, undefined, { signal: closing });
  }
}

const rfc3339 = (epochMs: number): string => new Date(epochMs).toISOString().replace("Z", "000+00:00");
