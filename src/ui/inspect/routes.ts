/** The inspector's pages, the fragments that keep them live, tickets for tools, and its WebSocket. All need the role. */
import { type Context, Hono } from "hono";
import { refuseForeign } from "../../http/guard.ts";
import { createInspectAccess, mayInspect } from "../../http/inspect-access.ts";
import { inspectSocketRoutes } from "../../http/inspect-socket.ts";
import type { AppParts } from "../../http/parts.ts";
import { type JobId, parseUuid, type Uuid } from "../../model/ids.ts";
import { dueOfJobs } from "../../store/due-times.ts";
import { findJob } from "../../store/job-views.ts";
import { findPass, listPasses } from "../../store/passes.ts";
import { searchPlans } from "../../store/search.ts";
import type { Look, LookOf } from "../look.ts";
import { notFoundPage } from "../not-found.tsx";
import { htmlAnswer } from "../page-headers.ts";
import { actorPage, actorUpdate } from "./actor-page.tsx";
import { type ActorFilter, listActors } from "./actors.ts";
import { type Due, dueOfJob, dueOfPass } from "./due.ts";
import { jobActor } from "./job-actor.ts";
import { forbiddenPage, type InspectList, listPage, listPart, machinePage, ticketPage } from "./list-page.tsx";
import { isMachineName } from "./machine.ts";
import { passActor } from "./pass-actor.ts";
import { datasetActor, productActor } from "./plan-actor.ts";
import type { ShownActor } from "./shown-actor.ts";
import { sourceActor } from "./source-actor.ts";

type InspectParts = Pick<
  AppParts,
  "supervisor" | "database" | "clock" | "ground" | "flows" | "auth" | "config" | "computes" | "closing" | "metrics"
>;
type Handle = (c: Context, look: Look) => Response | Promise<Response>;

const rowsAPage = 50;
const restingMax = 5;
const jobsMax = 200;
const pageMax = 1_000;

export function inspectRoutes(parts: InspectParts, lookOf: LookOf): Hono {
  const { auth, config, database } = parts;
  const access = createInspectAccess(auth, config.baseUrl, Date.now);
  const ownOrigin = new URL(config.baseUrl).origin;
  const routes = new Hono();
  routes.route("/", inspectSocketRoutes(parts, access));

  /** To the signing in, to a word about the role, or to what was asked for. */
  const guarded =
    (handle: Handle) =>
    async (c: Context): Promise<Response> => {
      const look = await lookOf(c);
      if (look.viewer === null) return c.redirect(`/sign-in?${new URLSearchParams({ next: look.path })}`, 303);
      if (!mayInspect(look.viewer)) return htmlAnswer(c, forbiddenPage(look.viewer.service, look), 403);
      return handle(c, look);
    };

  routes.get(
    "/inspect",
    guarded(async (c, look) => {
      const { search } = new URL(c.req.url);
      const home = await homeOf(c.req.query("q"));
      if (home !== null) return c.redirect(home, 303);
      return htmlAnswer(c, listPage(await list(search), search, look));
    }),
  );
  routes.get(
    "/component/inspect",
    guarded(async (c, look) => {
      const part = listPart(await list(new URL(c.req.url).search), look.nowMs);
      return htmlAnswer(c, `<div id="inspect_part">${part}</div>`);
    }),
  );
  routes.get(
    "/inspect/machine/:machine",
    guarded((c, look) => {
      const machine = c.req.param("machine") ?? "";
      return isMachineName(machine)
        ? htmlAnswer(c, machinePage(machine, look))
        : htmlAnswer(c, notFoundPage(look), 404);
    }),
  );
  routes.post(
    "/inspect/ticket",
    guarded((c, look) => {
      refuseForeign(c.req.raw, ownOrigin);
      const session = auth.sessions.read(c.req.raw.headers);
      if (session === null) return c.redirect("/sign-in?next=/inspect", 303); // over since the line above
      const address = `${config.baseUrl.replace(/^http/, "ws")}/inspect/ws?ticket=${access.ticketFor(session)}`;
      c.header("Cache-Control", "no-store");
      return htmlAnswer(c, ticketPage(address, look));
    }),
  );

  const actors: Record<string, (c: Context) => Promise<ShownActor | null>> = {
    "dataset/:id": async (c) => whole(c, "id", (id) => datasetActor(parts, id, positionIn(c, "revision"))),
    "product/:dataset/:id": async (c) =>
      whole(c, "dataset", (dataset) =>
        whole(c, "id", (id) => productActor(parts, dataset, id, positionIn(c, "revision"))),
      ),
    "pass/:id": async (c) => whole(c, "id", (id) => passActor(parts, "pass", id, positionIn(c, "step"))),
    "listener/:id": async (c) => whole(c, "id", (id) => passActor(parts, "listener", id, positionIn(c, "step"))),
    "source/:flow/:partition": async (c) =>
      sourceActor(parts, c.req.param("flow") ?? "", c.req.param("partition") ?? "", positionIn(c, "step")),
    "job/:id": async (c) => whole(c, "id", (id) => jobActor(parts, id, positionIn(c, "step"))),
  };
  for (const [path, find] of Object.entries(actors)) {
    routes.get(
      `/inspect/${path}`,
      guarded(async (c, look) => {
        const shown = await find(c);
        if (shown === null) return htmlAnswer(c, notFoundPage(look), 404);
        return htmlAnswer(c, actorPage(shown, new URL(c.req.url).search, look));
      }),
    );
    routes.get(
      `/component/inspect/${path}`,
      guarded(async (c, look) => {
        const shown = await find(c);
        if (shown === null) return htmlAnswer(c, notFoundPage(look), 404);
        return htmlAnswer(c, actorUpdate(shown, look.nowMs));
      }),
    );
  }

  /** `?q=&machine=&state=&page=`: what is none of these is left out of account. */
  async function list(search: string): Promise<InspectList> {
    const query = new URLSearchParams(search);
    const machine = query.get("machine") ?? "";
    const filter: ActorFilter = {
      text: (query.get("q") ?? "").trim().slice(0, 200),
      machine: isMachineName(machine) ? machine : null,
      state: query.get("state") || null,
    };
    const given = Number(query.get("page") ?? "0");
    const page = Number.isInteger(given) && given >= 0 && given < pageMax ? given : 0;
    const found = listActors(parts, filter, page * rowsAPage, rowsAPage);
    query.set("page", String(page + 1));
    const isFirst = page === 0 && filter.text === "" && filter.machine === null && filter.state === null;
    const [plans, passes] = await Promise.all([
      isFirst ? searchPlans(database.sql, { text: "", page: 0, limit: restingMax }) : { rows: [] },
      isFirst ? listPasses(database.sql, { state: null, ship: null, page: 0, limit: restingMax }) : { rows: [] },
    ]);
    return {
      page: found,
      filter,
      more: found.hasMore ? query.toString() : null,
      due: await dueHere(),
      plans: plans.rows,
      passes: passes.rows,
    };
  }

  /** Of the passes and the jobs of the products in memory here. */
  async function dueHere(): Promise<Due[]> {
    const names = new Map<JobId, string>();
    for (const { view } of parts.supervisor.inspection.residents()) {
      if (names.size >= jobsMax) break;
      for (const { jobId, name } of view.products.values()) if (jobId !== null) names.set(jobId, `job of ${name}`);
    }
    const ids = [...names.keys()].slice(0, jobsMax);
    const jobs = ids.length === 0 ? [] : await dueOfJobs(database.sql, ids);
    return [
      ...parts.ground.inspection.residents().flatMap((live) => dueOfPass(live.pass, live, null)),
      ...jobs.flatMap((job) => dueOfJob(job, names.get(job.jobId) ?? "job")),
    ];
  }

  /** A whole id is asked of the store: what it is the id of. */
  async function homeOf(text: string | undefined): Promise<string | null> {
    const id = parseUuid((text ?? "").trim());
    if (id === null) return null;
    if ((await parts.supervisor.read(id)) !== null) return `/inspect/dataset/${id}`;
    if ((await findPass(database.sql, id)) !== null) return `/inspect/pass/${id}`;
    if ((await findJob(database.sql, id)) !== null) return `/inspect/job/${id}`;
    return null;
  }
  return routes;
}

/** Null unless the parameter is a uuid. */
async function whole<T>(c: Context, name: string, find: (id: Uuid) => Promise<T | null>): Promise<T | null> {
  const id = parseUuid(c.req.param(name) ?? "");
  return id === null ? null : find(id);
}

/** A whole number of the query; what is none stands for now. */
function positionIn(c: Context, name: "revision" | "step"): number | null {
  const given = c.req.query(name);
  return given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : null;
}
