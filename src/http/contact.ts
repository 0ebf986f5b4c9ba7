/** Contacts that come again and again: save one, read, list and delete them. The planner makes passes of them. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { ticksBetween } from "../ground/contact-planner.ts";
import type { ContactDefinition, ContactRow } from "../model/contact.ts";
import { InvalidRequestError, NotFoundError, RuleBrokenError } from "../model/errors.ts";
import { newUuid } from "../model/ids.ts";
import { UnknownTemplateError } from "../model/template-errors.ts";
import { deleteContact, findContact, listContacts, saveContact } from "../store/contacts.ts";
import { findShip } from "../store/ships.ts";
import { cronTicks, type Ticks } from "../templates/cron.ts";
import { isZone } from "../templates/zone.ts";
import { json } from "./answer.ts";
import { checked } from "./check.ts";
import { aheadDaysDefault, Contact, ContactList, ContactParam } from "./contact-schemas.ts";
import { named, nameIn } from "./named.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { PageQuery, pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { requireTemplate } from "./pass-order.ts";
import { queryOf, textIn, wholeOf } from "./query.ts";
import { requireShips } from "./ship-scope.ts";

const tag = "contact";
const passesAheadMax = 500;
const dayMs = 86_400_000;

export function contactRoutes(parts: AppParts): OpenAPIHono {
  const { database, auth, clock, ground, templates } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();

  /** Of a contact that is there already. */
  const shipsOf = async (given: string): Promise<string[]> => {
    const row = await findContact(sql, nameIn("contact", given));
    return row === null ? [] : [row.definition.ship];
  };
  const known = (given: string): Promise<ContactRow> => named("contact", given, (name) => findContact(sql, name));

  guardedOperation<ContactDefinition>(
    routes,
    auth,
    {
      method: "put",
      path: "/contact/{contact}",
      role: "publish",
      audit: "contact.save",
      summary: "Save a contact; what was planned from another definition of it and has not begun is cancelled",
      tag,
      body: ContactParam,
      read: readContact,
      ships: async ({ param, body }) => [body.ship, ...(await shipsOf(param("contact")))],
      answer: Contact,
    },
    async ({ c, param, body: definition, caller }) => {
      const contact = nameIn("contact", param("contact"));
      if ((await findShip(sql, definition.ship)) === null) throw new NotFoundError("ship", definition.ship);
      const { template } = definition;
      if (template !== null && templates.get(template) === undefined) throw new UnknownTemplateError(template);
      const order = { contact, definition, versionId: newUuid(), by: caller.service, at: clock.now() };
      for (const pass of await saveContact(sql, { ...order, ships: caller.ships ?? null })) ground.changed(pass);
      ground.lookAtContacts();
      const saved = await known(contact);
      // Somebody else's came in between: it was left as it is.
      requireShips(caller, [saved.definition.ship], { method: "put", path: c.req.path });
      return json(shownContact(saved));
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/contact", summary: "List the contacts", tag, query: PageQuery, answer: ContactList },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 1000, or: 200 });
      const contacts = await listContacts(sql, textIn(query, "after") ?? "", limit + 1);
      const { shown, nextCursor } = pageOf(contacts, limit, ({ contact }) => contact);
      return json({ rows: shown.map(shownContact), next_after: nextCursor });
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/contact/{contact}", summary: "Read a contact", tag, answer: Contact },
    async ({ param }) => json(shownContact(await known(param("contact")))),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "delete",
      path: "/contact/{contact}",
      role: "publish",
      audit: "contact.delete",
      ships: async ({ param }) => [(await known(param("contact"))).definition.ship],
      summary: "Delete a contact; its passes that have not begun are cancelled",
      tag,
      answer: Contact,
    },
    async ({ param, caller }) => {
      const row = await known(param("contact"));
      const order = { contact: row.contact, ships: caller.ships ?? null, at: clock.now() };
      for (const pass of await deleteContact(sql, order)) ground.changed(pass);
      return json(shownContact(row));
    },
  );
  return routes;
}

function readContact(parsed: unknown): ContactDefinition {
  const body = checked(ContactParam, parsed);
  requireTemplate(body, "template");
  const definition: ContactDefinition = {
    ship: body.ship,
    station: body.station ?? null,
    host: body.host ?? null,
    port: body.port === "auto" ? null : (body.port ?? null),
    cron: body.cron,
    timezone: body.timezone ?? "UTC",
    durationS: body.duration_s,
    aheadDays: body.ahead_days ?? aheadDaysDefault,
    prepassMarginS: body.prepass_margin_s ?? null,
    drainMarginS: body.drain_margin_s ?? null,
    template: body.template ?? null,
    priority: body.priority ?? 0,
    ...((body.flows ?? []).length > 0 && { flows: [...new Set(body.flows)] }),
  };
  refuseCrowded(definition, ticksOf(definition));
  return definition;
}

function ticksOf({ cron, timezone }: ContactDefinition): Ticks {
  if (!isZone(timezone)) throw new InvalidRequestError(`timezone: "${timezone}" is no time zone`, "timezone");
  try {
    return cronTicks(cron, timezone);
  } catch (error) {
    throw new InvalidRequestError(`cron: ${error instanceof Error ? error.message : error}`, "cron");
  }
}

/** Its passes may not meet each other, nor be more than a table of them is good for. */
function refuseCrowded({ durationS, aheadDays }: ContactDefinition, ticks: Ticks): void {
  const nowMs = Date.now();
  const found = ticksBetween(ticks, nowMs, nowMs + aheadDays * dayMs, passesAheadMax + 1);
  const close = found.find((at, i) => i > 0 && at - (found[i - 1] ?? 0) < durationS * 1000);
  if (close !== undefined)
    throw new RuleBrokenError(
      `Cannot save the contact as it comes at ${new Date(close).toISOString()} before its last pass of ${durationS} s is over`,
      { field: "duration_s" },
    );
  if (found.length > passesAheadMax)
    throw new RuleBrokenError(
      `Cannot save the contact as more than ${passesAheadMax} passes would be planned within ${aheadDays} days`,
      { field: "ahead_days" },
    );
}

function shownContact(row: ContactRow): object {
  const { definition } = row;
  return {
    contact: row.contact,
    ship: definition.ship,
    station: definition.station,
    host: definition.host,
    port: definition.port ?? "auto",
    cron: definition.cron,
    timezone: definition.timezone,
    duration_s: definition.durationS,
    ahead_days: definition.aheadDays,
    template: definition.template,
    flows: definition.flows ?? [],
    prepass_margin_s: definition.prepassMarginS,
    drain_margin_s: definition.drainMarginS,
    priority: definition.priority,
    planned_until: row.plannedUntil,
    next_planning_date: row.nextAt,
    modified_by: row.modifiedBy,
    modified_date: row.modifiedAt,
  };
}
