/**
 * Every page and fragment that a node serves, at addresses of a hostile mission. What there is comes from the node's own routes:
 * a new page that is not named here fails tests/pages-hostile.test.ts.
 */
import { hostile, hostileLink } from "./hostile.ts";
import { hostilePartition } from "./hostile-flow.ts";
import type { HostileMission } from "./hostile-mission.ts";
import type { TestRuntime } from "./runtime.ts";

/** By the route's pattern: where it is looked at. */
type Addresses = Readonly<Record<string, (mission: HostileMission) => readonly string[]>>;

const query = (name: string): string => `?${name}=${encodeURIComponent(hostile)}`;
/** `twice(path)`: a page, and the fragment that keeps it live. */
const twice = (pattern: string, of: Addresses[string]): [string, Addresses[string]][] => [
  [pattern, of],
  [`/component${pattern}`, (mission) => of(mission).map((path) => `/component${path}`)],
];

const addresses: Addresses = Object.fromEntries([
  ...twice("/", () => ["/", `/${query("search_by")}`]),
  [
    "/component/plan_search",
    () => [`/component/plan_search?search_by=&page=0`, `/component/plan_search${query("search_by")}&page=0`],
  ],
  ["/sign-in", () => [`/sign-in${query("next")}`, `/sign-in?next=${encodeURIComponent(hostileLink)}`]],
  ...twice("/plan/:dataset_id", ({ datasetId, reportedId }) => [`/plan/${datasetId}`, `/plan/${reportedId}`]),
  ["/component/plan/:dataset_id/graph", ({ datasetId }) => [`/component/plan/${datasetId}/graph`]],
  ["/component/plan/:dataset_id/find", ({ datasetId }) => [`/component/plan/${datasetId}/find?name=img`]],
  ["/component/plan/:dataset_id/json", ({ datasetId }) => [`/component/plan/${datasetId}/json`]],
  ["/component/plan/:dataset_id/gantt", ({ datasetId }) => [`/component/plan/${datasetId}/gantt`]],
  [
    "/component/plan/:dataset_id/product/:product_id",
    ({ datasetId, productId }) => [`/component/plan/${datasetId}/product/${productId}`],
  ],
  [
    "/component/plan/:dataset_id/effect",
    ({ datasetId, productId }) => [
      `/component/plan/${datasetId}/effect?action=clear&product=${productId}`,
      `/component/plan/${datasetId}/effect?action=retry`,
    ],
  ],
  ...twice("/pass", () => ["/pass", "/pass?span=1w"]),
  ...twice("/pass/:pass_id", ({ passId, endedPassId }) => [`/pass/${passId}`, `/pass/${endedPassId}`]),
  ...twice("/ship/:ship", () => ["/ship/aurora"]),
  ...twice("/station", () => ["/station"]),
  ...twice("/station/:station", () => ["/station/weilheim"]),
  ...twice("/alarm", () => ["/alarm", "/alarm?state=all"]),
  ...twice("/flow", () => ["/flow"]),
  ...twice("/flow/:name", () => ["/flow/hostile", "/flow/read"]),
  [
    "/flow/:name/trace",
    () => [
      `/flow/hostile/trace?partition=http&id=${encodeURIComponent(hostile)}`,
      "/flow/hostile/trace?partition=http&id=failed",
    ],
  ],
  ["/flow/:name/recorder", () => ["/flow/hostile/recorder", `/flow/hostile/recorder${query("partition")}`]],
  ...twice("/job", () => ["/job"]),
  ...twice("/job/list", () => ["/job/list", `/job/list${query("job_type")}`, `/job/list${query("queue")}`]),
  ...twice("/job/:job_id", ({ deadJobId, runningJobId }) => [`/job/${deadJobId}`, `/job/${runningJobId}`]),
  ...twice("/dead-letter", () => [
    "/dead-letter",
    `/dead-letter${query("job_type")}`,
    `/dead-letter${query("reason")}`,
  ]),
  ...twice("/worker", () => ["/worker"]),
  ...twice("/template", () => ["/template"]),
  ...twice("/template/:id", () => ["/template/readings"]),
  ...twice("/run", () => ["/run", `/run${query("template")}`]),
  ...twice("/run/:run_id", ({ runId }) => [`/run/${runId}`]),
  ...twice("/backfill", () => ["/backfill"]),
  ...twice("/backfill/:backfill_id", ({ backfillId }) => [`/backfill/${backfillId}`]),
  ...twice("/inspect", () => ["/inspect", `/inspect${query("q")}`]),
  ["/inspect/machine/:machine", () => ["/inspect/machine/job"]],
  ...twice("/inspect/dataset/:id", ({ datasetId }) => [`/inspect/dataset/${datasetId}`]),
  ...twice("/inspect/product/:dataset/:id", ({ datasetId, productId }) => [
    `/inspect/product/${datasetId}/${productId}`,
    `/inspect/product/${datasetId}/${productId}?revision=1`,
  ]),
  ...twice("/inspect/pass/:id", ({ passId }) => [`/inspect/pass/${passId}`]),
  ...twice("/inspect/listener/:id", ({ passId }) => [`/inspect/listener/${passId}`]),
  ...twice("/inspect/source/:flow/:partition", () => [`/inspect/source/read/${encodeURIComponent(hostilePartition)}`]),
  ...twice("/inspect/job/:id", ({ deadJobId }) => [`/inspect/job/${deadJobId}`]),
] satisfies [string, Addresses[string]][]);

/** Where what is served is no page of ours: files, data, sockets, and the pages of Swagger UI and Open MCT. */
const notOurs = [/^\/api\//, /^\/assets\//, /^\/openmct/, /^\/(spec|swagger|health|ready|metrics|inspect\/ws)$/];

/** The patterns of all that answers GET with a page or a fragment of ours. */
export function pagePatterns({ runtime }: TestRuntime): string[] {
  const patterns = runtime.app.routes.flatMap(({ method, path }) => (method === "GET" ? [path] : []));
  return [...new Set(patterns)].filter((path) => !notOurs.some((other) => other.test(path))).sort();
}

/** Fails for a route without an address: it is not looked at then. */
export function addressesOf(mission: HostileMission, pattern: string): readonly string[] {
  const of = addresses[pattern];
  if (of === undefined)
    throw new Error(`Cannot look at ${pattern} as tests/support/every-page.ts names no address of it: add one`);
  return of(mission);
}

export const knownPatterns: readonly string[] = Object.keys(addresses).sort();
