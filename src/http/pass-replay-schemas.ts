/** The schemas of replays. */
import { z } from "@hono/zod-openapi";
import { replayStates } from "../store/pass-replays.ts";
import { text } from "./check.ts";
import { date, id } from "./schemas.ts";

export const ReplayParam = z
  .object({
    template: text.nullish().openapi({ description: "The pass's own if absent" }),
    params: z.record(z.string(), z.unknown()).nullish().openapi({
      description: "Beside pass, ship, ledger, telemetry and replay, which every plan of a replay is given",
    }),
  })
  .openapi("ReplayParam");

export const Replay = z
  .object({
    id,
    pass_id: id,
    dataset_id: id.openapi({ description: "Its plan, which is made when state is done" }),
    template: z.string(),
    state: z.enum(replayStates),
    error: z.string().nullable(),
    definition_sha256: z.string().nullable().openapi({ description: "null: the ship has no definition" }),
    is_same: z
      .boolean()
      .nullable()
      .openapi({ description: "Whether the archive, judged again, has the pass's own sequence account" }),
    csv: z.string().nullable(),
    parquet: z.string().nullable(),
    by: z.string(),
    at: date,
    finished_date: date.nullable(),
  })
  .openapi("Replay");
