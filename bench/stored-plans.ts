// Question (P14): what do 1,000,000 stored plans, and 1,000 live ones, cost the pages and the searches that everybody opens first?
// Method: a node on a fresh Postgres; the stored plans are put there by SQL as finished plans of two products are stored, the live ones are
// published and reported on over HTTP for as long as it is measured, 20 reports a second. Each path is asked for one after the other; the
// first answer counts by itself, as its caches are cold. Sizes are Postgres' own.
// What would flatter it: a warm cache alone, no writes beside the reads, or texts that all begin alike.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { memoryOf } from "./measure/cpu.ts";
import { quantile, rounded } from "./measure/median.ts";
import { type MeasuredNode, startNode } from "./measure/node.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    stored: { type: "string", default: "1000000" },
    live: { type: "string", default: "1000" },
    requests: { type: "string", default: "200" },
  },
});
const server = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
if (server === undefined) {
  console.log(JSON.stringify({ bench: "stored-plans", skipped: "no Postgres: set BENCH_DATABASE_URL" }));
  process.exit(0);
}
const stored = flags.smoke ? 2_000 : Number(flags.stored);
const live = flags.smoke ? 20 : Number(flags.live);
const requests = flags.smoke ? 10 : Number(flags.requests);
const products = 11;

const node = await startNode(server);
try {
  await store(node.databaseUrl ?? "", stored);
  const plans = await Promise.all(Array.from({ length: live }, () => publish(node)));
  const stop = keepReporting(node, plans);
  const paths: readonly (readonly [what: string, path: string])[] = [
    ["overview", "/"],
    ["second page", "/?page=1"],
    ["search: one plan", `/?search_by=${stored - 7}-x`],
    ["search: hundreds of plans", `/?search_by=${String(stored).slice(0, 3)}1`],
    ["search: every plan", "/?search_by=period"],
    ["search: two characters", "/?search_by=10"],
    ["search: nothing", "/?search_by=not%20there%20at%20all"],
    ["a live plan", `/plan/${plans[0]?.datasetId}`],
    ["passes", "/pass"],
    ["queues", "/job"],
  ];
  for (const [what, path] of paths) console.log(JSON.stringify({ what, ...(await ask(`${node.url}${path}`)) }));
  await stop();
  console.log(
    JSON.stringify({
      bench: "stored-plans",
      target: "P14",
      stored,
      live,
      products,
      requests,
      rssMiB: memoryOf(node.pid),
    }),
  );
} finally {
  await node.stop();
}

/** As a run of two products that ended well is stored; the times a second apart, up to an hour ago. */
async function store(databaseUrl: string, count: number): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  const at = "now() - interval '1 hour' - n * interval '1 second'";
  const id = "md5('plan ' || n)::uuid";
  const extra = `'{"period":"' || to_char(${at}, 'YYYY-MM-DD') || '","run":"' || n || '-x"}'`;
  const from = `from generate_series(1, ${count}) as n`;
  await sql.unsafe(`
    insert into dataset (dataset_id, paused, extra, modified_by, modified_at) select ${id}, false, ${extra}, 'bench', ${at} ${from};
    insert into dataset_head (dataset_id, revision, modified_at) select ${id}, 3, ${at} ${from};
    insert into dataset_search (dataset_id, body, names) select ${id}, ${id}::text || e'\\n' || ${extra}, 'extract load' ${from};
    insert into product (dataset_id, product_id, compute, name, version, eager, state, modified_by, modified_at)
      select ${id}, md5(name || n)::uuid, 'cams', name, '1.0', true, 'success', 'bench', ${at} ${from}, unnest(array['extract','load']) as name;
    analyze dataset; analyze dataset_head; analyze dataset_search; analyze product`);
  await sql.end();
}

interface LivePlan {
  readonly datasetId: string;
  readonly ids: readonly string[];
}

async function publish(on: MeasuredNode): Promise<LivePlan> {
  const datasetId = randomUUID();
  const ids = Array.from({ length: products }, () => randomUUID());
  await call(on, "POST", "/api/plan", {
    dataset: { id: datasetId, extra: { period: "2026-10" } },
    data_products: ids.map((id, n) => ({ id, compute: "cams", name: `product ${n}`, version: "1.0", eager: true })),
    dependencies: ids.slice(1).map((child_id, n) => ({ parent_id: ids[n], child_id })),
  });
  return { datasetId, ids };
}

/** Reports on one plan after the other; resolves its stop once the last report is answered. */
function keepReporting(on: MeasuredNode, plans: readonly LivePlan[]): () => Promise<void> {
  let n = 0;
  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    const plan = plans[n % plans.length];
    n += 1;
    if (plan === undefined) return;
    const report = [{ id: plan.ids[0], state: n % 2 === 0 ? "running" : "failed" }];
    last = call(on, "PUT", `/api/data_product/${plan.datasetId}/update`, report);
  }, 50);
  return async () => {
    clearInterval(timer);
    await last;
  };
}

async function call(on: MeasuredNode, method: string, path: string, body: unknown): Promise<void> {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${on.token}` };
  const answer = await fetch(`${on.url}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  await answer.text();
}

async function ask(url: string) {
  const took: number[] = [];
  let status = 0;
  for (let n = 0; n <= requests; n++) {
    const startMs = performance.now();
    const answer = await fetch(url);
    await answer.text();
    took.push(performance.now() - startMs);
    status = answer.status;
  }
  const [first = Number.NaN, ...rest] = took;
  const ms = (value: number) => rounded(value, 1);
  return {
    ...{ status, firstMs: ms(first), p50Ms: ms(quantile(rest, 0.5)), p99Ms: ms(quantile(rest, 0.99)) },
    maxMs: ms(Math.max(...rest)),
  };
}
