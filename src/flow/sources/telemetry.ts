/**
 * Reads the packets of a ship's passes, while they receive and from their archives. A pass is a partition, read by one node at a time; a message's
 * id is how many packets the pass stored before it. A pass that is over and done with is never looked at again.
 */
import * as v from "valibot";
import { shipNamePattern } from "../../model/pass.ts";
import {
  doneOffset,
  type FlowPass,
  forgetFlowPasses,
  listFlowPasses,
  livePassDays,
  noteFlowStart,
  passStandings,
} from "../../store/flow-passes.ts";
import { findShip } from "../../store/ships.ts";
import { isThere } from "../../telemetry/archive-index.ts";
import type { Source, SourceListener } from "../source.ts";
import { createLeasedReaders } from "./leased-readers.ts";
import { createPacketMessages } from "./packet-message.ts";
import { createPassReader, type PassReader, type PassReaderParts } from "./pass-reader.ts";
import type { SourceParts } from "./setup.ts";

const shipName = v.pipe(v.string(), v.regex(shipNamePattern, "a ship's name is needed"));

export const telemetrySource = v.strictObject({
  kind: v.literal("telemetry"),
  ship: v.union(
    [shipName, v.pipe(v.array(shipName), v.minLength(1), v.maxLength(1000))],
    "a ship's name, or a list of them, is needed",
  ),
  /** Packets of these only. */
  apids: v.optional(
    v.pipe(
      v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2047))),
      v.minLength(1),
      v.maxLength(2048),
    ),
  ),
  /** Also passes that opened before the flow was first started, whose archives are kept. */
  from: v.optional(v.literal("earliest")),
});

export type TelemetrySourceConfig = v.InferOutput<typeof telemetrySource>;

const pollMs = 1_000;
/** Archives that one node reads at once, beside passes that receive. */
const archivesMax = 4;
const livePassesMax = 100;
/** Each look is at the archives of the last day; so often at all, for those that other nodes left. */
const lookAtAllMs = 300_000;
const pageMax = 200;
const everDays = 36_500;

export function createTelemetrySource(
  flow: string,
  { ship, apids, from }: TelemetrySourceConfig,
  parts: SourceParts,
): Source {
  const { sql, nodeId, telemetry } = parts;
  const ships = [ship].flat();
  const wanted = apids === undefined ? null : new Set(apids);
  const isHotShared = telemetry.kind === "redis";
  let lookedAtAllMs = Number.NEGATIVE_INFINITY;
  const held = createLeasedReaders<PassReader>(flow, parts, {
    pollMs,
    prepare: () => noteFlowStart(sql, flow),
    async look(listener) {
      await follow();
      await takeLive(listener);
      await takeArchived(listener);
      await follow();
    },
  });
  const ask = { flow, ships, earliest: from === "earliest", nodeId, isHotShared };

  /** Tells the readers how their passes stand, and gives up those that are done, or that this node cannot read on. */
  async function follow(): Promise<void> {
    const reading = [...held.readers].filter(([, reader]) => !reader.hasFailed);
    for (const standing of await passStandings(
      sql,
      reading.map(([passId]) => passId),
    )) {
      const { passId, archive, isRemoved } = standing;
      const reader = held.readers.get(passId);
      if (reader === undefined) continue;
      const isElsewhere =
        archive === null
          ? !isHotShared && standing.node !== null && standing.node !== nodeId
          : !(await isThere(archive.path));
      if (isRemoved || isElsewhere) await held.giveUp(passId);
      else reader.heardOf(standing);
      if (reader.isDone) await held.giveUp(passId, doneOffset);
    }
    await held.commitLeftOut();
  }

  async function takeLive(listener: SourceListener): Promise<void> {
    const live = { ...ask, archived: false, days: livePassDays, after: null, countMax: livePassesMax };
    await take(await listFlowPasses(sql, live), livePassesMax, listener);
  }

  async function takeArchived(listener: SourceListener): Promise<void> {
    const isForAll = performance.now() - lookedAtAllMs >= lookAtAllMs;
    if (isForAll) await forgetFlowPasses(sql, flow);
    let after: FlowPass | null = null;
    for (;;) {
      const room = archivesMax - [...held.readers.values()].filter((one) => one.isArchived && !one.hasFailed).length;
      if (room <= 0) return; // and the next look is at all of them again
      const days = isForAll ? everDays : 1;
      const page: FlowPass[] = await listFlowPasses(sql, { ...ask, archived: true, days, after, countMax: pageMax });
      const here: FlowPass[] = [];
      for (const pass of page) if (here.length < room && (await isThere(pass.path ?? ""))) here.push(pass);
      await take(here, room, listener);
      after = page.at(-1) ?? null;
      if (page.length < pageMax) break;
      await follow();
    }
    if (isForAll) lookedAtAllMs = performance.now();
  }

  async function take(passes: readonly FlowPass[], countMax: number, listener: SourceListener): Promise<void> {
    const readable = new Map<string, Omit<PassReaderParts, "start">>();
    for (const { passId, ship: name } of passes) {
      const row = await findShip(sql, name);
      if (row === null) continue;
      const messages = createPacketMessages({ flow, ship: row, passId, apids: wanted });
      readable.set(passId, { ship: name, passId, messages, telemetry, listener, log: parts.log });
    }
    await held.take([...readable.keys()], countMax, ({ partition, nextOffset }) => {
      const given = readable.get(partition);
      if (given === undefined) throw new Error(`pass ${partition} was not asked for`);
      return createPassReader({ ...given, start: nextOffset });
    });
  }

  return held.source;
}
