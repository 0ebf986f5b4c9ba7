/**
 * The templates of the store, as a node knows them: the latest versions in memory, every version's computes in the registry. A change
 * elsewhere is heard as a hint, and found by a poll without one.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../model/clock.ts";
import { UnknownTemplateError } from "../model/template-errors.ts";
import type { Log } from "../observe/log.ts";
import { putSchedule, removeSchedule } from "../store/schedules.ts";
import type { Database } from "../store/sql.ts";
import {
  deleteTemplate,
  findVersion,
  lastTemplateChange,
  listHeads,
  listVersionsAfter,
  putVersion,
  type StoredVersion,
  setTemplatePaused,
  type TemplateHead,
} from "../store/templates.ts";
import { ticksOf } from "./cron.ts";
import { addInlineComputes, type InlineParts } from "./inline.ts";
import type { FolderTemplate } from "./load.ts";
import { readTemplate } from "./read.ts";
import type { Template, Templates } from "./templates.ts";

/** A template with what is kept about it beside its text. */
export interface KnownTemplate {
  readonly template: Template;
  readonly head: TemplateHead;
}

export interface StoredTemplates extends Templates {
  /** Stores the folder's files as versions, and reads what is there. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** As `get`, with who changed it last and whether it is paused. */
  known(id: string): KnownTemplate | undefined;
  /** Reads a text without storing it. Throws `TemplateFaultError`. */
  read(text: string, path: string): Template;
  /** Stores a text as the latest version. Throws `TemplateFaultError`. */
  put(text: string, path: string, by: string): Promise<{ template: Template; isNew: boolean }>;
  /** Deactivates: it is listed and triggered no more, its runs and versions stay. */
  remove(id: string, by: string): Promise<void>;
  /** False: it was so already. */
  setPaused(id: string, paused: boolean, by: string): Promise<boolean>;
  /** Looks at the store now. */
  refresh(): Promise<void>;
}

export interface StoredTemplatesParts extends InlineParts {
  readonly database: Database;
  readonly files: readonly FolderTemplate[];
  readonly clock: Clock;
  readonly log: Log;
  /** What our own changes are stamped with. */
  readonly service: string;
  readonly pollMs?: number;
}

const hintChannel = "orrery_templates";
const pageMax = 200;
const versionsKeptMax = 1000;

export function createStoredTemplates(parts: StoredTemplatesParts): StoredTemplates {
  return new Stored(parts);
}

class Stored implements StoredTemplates {
  readonly #parts: StoredTemplatesParts;
  #known = new Map<string, KnownTemplate>();
  #list: readonly Template[] = [];
  /** The last version of each template whose computes are known. */
  readonly #loaded = new Map<string, number>();
  /** Versions that were asked for lately, by `id@version`. */
  readonly #versions = new Map<string, Template>();
  /** Versions that this node cannot use, and has said so. */
  readonly #unusable = new Set<string>();
  #change = -1;
  #refreshing: Promise<void> = Promise.resolve();
  #unlisten: () => Promise<void> = async () => {};
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(parts: StoredTemplatesParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { database, files, clock, service, log, pollMs = 1_000 } = this.#parts;
    for (const { template, source, path } of files) {
      const order = { templateId: template.id, source, digest: digestOf(source), origin: "file" as const };
      const { version, isNew } = await putVersion(database.sql, { ...order, by: service, at: clock.now() });
      if (isNew) log.info({ template: template.id, version, path }, "a template was stored");
    }
    this.#unlisten = await database.listen(hintChannel, () => void this.#refreshSoon());
    await this.refresh();
    for (const template of this.#list) await this.#schedule(template);
    this.#timer = setInterval(() => void this.#refreshSoon(), pollMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#unlisten();
    await this.#refreshing.catch(() => undefined);
  }

  get(id: string): Template | undefined {
    return this.#known.get(id)?.template;
  }

  list(): readonly Template[] {
    return this.#list;
  }

  known(id: string): KnownTemplate | undefined {
    return this.#known.get(id);
  }

  async ofVersion(id: string, version: number): Promise<Template | undefined> {
    const kept = this.#versions.get(`${id}@${version}`);
    if (kept !== undefined) return kept;
    const stored = await findVersion(this.#parts.database.sql, id, version);
    return stored === null ? undefined : this.#load(stored);
  }

  read(text: string, path: string): Template {
    return readTemplate({ text, path, fallbackId: null }, { computes: this.#parts.computes });
  }

  async put(text: string, path: string, by: string): Promise<{ template: Template; isNew: boolean }> {
    const { database, clock } = this.#parts;
    const { id } = this.read(text, path);
    const order = { templateId: id, source: text, digest: digestOf(text), origin: "api" as const, by, at: clock.now() };
    const { isNew } = await putVersion(database.sql, order);
    await this.#changed();
    const template = this.#existing(id).template;
    await this.#schedule(template);
    return { template, isNew };
  }

  async remove(id: string, by: string): Promise<void> {
    const { database, clock } = this.#parts;
    if (!(await deleteTemplate(database.sql, { templateId: id, by, at: clock.now() })))
      throw new UnknownTemplateError(id);
    await removeSchedule(database.sql, id);
    await this.#changed();
  }

  async setPaused(id: string, paused: boolean, by: string): Promise<boolean> {
    const { database, clock } = this.#parts;
    const isChanged = await setTemplatePaused(database.sql, { templateId: id, paused, by, at: clock.now() });
    if (isChanged) await this.#changed();
    return isChanged;
  }

  refresh(): Promise<void> {
    // One after the other: what was changed before this call is seen by it.
    const next = this.#refreshing.catch(() => undefined).then(() => this.#refresh());
    this.#refreshing = next;
    return next;
  }

  async #refreshSoon(): Promise<void> {
    await this.refresh().catch((error: unknown) =>
      this.#parts.log.warn({ err: error }, "templates could not be looked at: the next poll tries again"),
    );
  }

  async #changed(): Promise<void> {
    await this.refresh();
    this.#parts.database.notify(hintChannel, "");
  }

  async #refresh(): Promise<void> {
    const { sql } = this.#parts.database;
    // Asked for first: what changes meanwhile is found by the next look.
    const change = await lastTemplateChange(sql);
    if (change === this.#change) return;
    const heads = await listHeads(sql);
    if (this.#loaded.size === 0) await this.#loadAll();
    const known = new Map<string, KnownTemplate>();
    for (const head of heads) {
      const { templateId, latestVersion } = head;
      for (let version = (this.#loaded.get(templateId) ?? 0) + 1; version <= latestVersion; version++) {
        const stored = await findVersion(sql, templateId, version);
        if (stored !== null) this.#load(stored);
      }
      const template = latestVersion === 0 ? undefined : await this.ofVersion(templateId, latestVersion);
      if (template === undefined) continue;
      addInlineComputes(this.#parts, template, true);
      if (head.deletedAt === null) known.set(templateId, { template, head });
    }
    this.#known = known;
    this.#list = [...known.values()].map(({ template }) => template).sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#change = change;
  }

  async #loadAll(): Promise<void> {
    for (let after = { templateId: "", version: 0 }; ; ) {
      const page = await listVersionsAfter(this.#parts.database.sql, after, pageMax);
      for (const stored of page) this.#load(stored);
      const last = page.at(-1);
      if (last === undefined || page.length < pageMax) return;
      after = { templateId: last.templateId, version: last.version };
    }
  }

  /** Undefined: this version of Orrery cannot use it, which is logged. */
  #load(stored: StoredVersion): Template | undefined {
    const { templateId, version, source } = stored;
    this.#loaded.set(templateId, Math.max(version, this.#loaded.get(templateId) ?? 0));
    let template: Template;
    try {
      template = readTemplate(
        { text: source, path: `${templateId}@${version}`, fallbackId: templateId },
        { computes: null, version },
      );
    } catch (error) {
      const key = `${templateId}@${version}`;
      if (!this.#unusable.has(key))
        this.#parts.log.error({ err: error, template: templateId, version }, "a stored template cannot be used");
      this.#unusable.add(key);
      return undefined;
    }
    addInlineComputes(this.#parts, template, false);
    this.#versions.set(`${templateId}@${version}`, template);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > versionsKeptMax && oldest !== undefined) this.#versions.delete(oldest);
    return template;
  }

  async #schedule({ id, schedule }: Template): Promise<void> {
    const { sql } = this.#parts.database;
    if (schedule === null) return await removeSchedule(sql, id);
    const { cron, everyS, timezone } = schedule;
    const ticks = ticksOf(schedule);
    const digest = digestOf(JSON.stringify({ cron, everyS, timezone }));
    await putSchedule(sql, { templateId: id, digest, nextMsAfter: (nowMs) => ticks.next(nowMs) });
  }

  #existing(id: string): KnownTemplate {
    const known = this.#known.get(id);
    if (known === undefined) throw new UnknownTemplateError(id);
    return known;
  }
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64url");
