/** `orrery passes add-packets` and `orrery replay`: what is done with a pass after its end. */

import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { headerFault, sizeAt } from "../ground/ccsds.ts";
import { type ApiFlags, apiCommand, clientOf, positiveNumber, show } from "./api-command.ts";
import type { Client } from "./client.ts";
import { AnswerError, CommandError, exitCodes } from "./exit.ts";
import { fileOctets, jsonOrText, pairOf } from "./input.ts";
import { startProgress } from "./progress.ts";
import { watchRun } from "./runs.ts";
import { details } from "./table.ts";
import { clean, percent } from "./words.ts";

interface Added {
  readonly pass_id: string;
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly idle: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly renews: string | null;
  readonly ledger: { readonly completeness: number; readonly missing: number };
}

/** The server takes 16 MiB; each addition reads and writes the whole pass, so they are as large as can be. */
const partBytesMax = 16 * 1024 * 1024;

export function addPacketsCommand(): Command {
  return apiCommand("add-packets", "add packets that came after a pass: a recording, a retransmission", [
    "orrery passes add-packets $PASS recording.ccsds",
  ])
    .argument("<id>", "the pass")
    .argument("<file>", "CCSDS space packets back to back; - for standard input")
    .action(async (id: string, file: string, flags: ApiFlags) => {
      const client = clientOf(flags);
      const octets = fileOctets(file);
      const answers: Added[] = [];
      const progress = startProgress("Adding", octets.length);
      for (const part of partsOf(octets)) {
        answers.push(await client.send<Added>("POST", `/pass/${encodeURIComponent(id)}/packet`, { octets: part }));
        progress.at(part.byteOffset + part.length - octets.byteOffset);
      }
      progress.end();
      const added = answers.reduce(together);
      show(flags, added, () => addedText(added));
    });
}

/** Cut between packets. What is no packet goes with the rest of the file, for the server to reject. */
function* partsOf(octets: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  let from = 0;
  for (let at = 0; at < octets.length; ) {
    const next = headerFault(octets, at, octets.length) === null ? at + sizeAt(octets, at) : octets.length;
    if (next - from > partBytesMax && at > from) {
      yield octets.subarray(from, at);
      from = at;
    }
    at = next;
  }
  yield octets.subarray(from);
}

/** The ledger is that of the last one. */
function together(one: Added, other: Added): Added {
  const rejected: Record<string, number> = { ...one.rejected };
  for (const [reason, count] of Object.entries(other.rejected)) rejected[reason] = (rejected[reason] ?? 0) + count;
  return {
    ...other,
    received: one.received + other.received,
    stored: one.stored + other.stored,
    duplicates: one.duplicates + other.duplicates,
    conflicts: one.conflicts + other.conflicts,
    idle: one.idle + other.idle,
    rejected,
    renews: one.renews ?? other.renews,
  };
}

function addedText({ rejected, renews, ledger, ...added }: Added): string {
  const rejects = Object.entries(rejected).map(([reason, count]) => `${count} ${reason}`);
  const next =
    added.stored === 0
      ? "Nothing is new: the pass is as it was.\n"
      : renews === null
        ? ""
        : `Its plan is given the new inputs: orrery run ${renews} --watch\n`;
  const rows = details([
    ["pass", added.pass_id],
    ["new", added.stored],
    ["known already", added.duplicates],
    ["conflicts", added.conflicts],
    ["idle", added.idle],
    ["rejected", rejects.join(", ")],
    ["still missing", ledger.missing],
    ["complete", percent(ledger.completeness)],
  ]);
  return rows + next;
}

interface Replay {
  readonly id: string;
  readonly pass_id: string;
  readonly dataset_id: string;
  readonly template: string;
  readonly state: "queued" | "done" | "failed";
  readonly error: string | null;
  readonly definition_sha256: string | null;
  readonly is_same: boolean | null;
  readonly csv: string | null;
}

interface ReplayFlags extends ApiFlags {
  readonly template?: string;
  readonly param?: Readonly<Record<string, string>>;
  readonly wait: boolean;
  readonly every: number;
  readonly idempotencyKey?: string;
}

export function replayCommand(): Command {
  return apiCommand("replay", "decode an archived pass by its ship's definition of today, into a new plan", [
    "orrery replay $PASS",
    "orrery replay $PASS --template pass-products --no-wait",
  ])
    .argument("<pass>", "the pass")
    .option("--template <id>", "becomes the plan; the pass's own without it")
    .option("-p, --param <name=value>", "a parameter beside those of the pass; repeat it for more", pairOf)
    .option("--idempotency-key <text>", "the same key again makes no second replay")
    .option("--no-wait", "do not wait for its plan's end")
    .option("--every <seconds>", "between two looks while it waits", positiveNumber(3600), 1)
    .action(async (pass: string, flags: ReplayFlags) => {
      const client = clientOf(flags);
      const { template, param = {}, idempotencyKey } = flags;
      const params = Object.fromEntries(Object.entries(param).map(([name, given]) => [name, jsonOrText(given)]));
      const replay = await client.send<Replay>("POST", `/pass/${encodeURIComponent(pass)}/replay`, {
        body: { template, params },
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      });
      if (!flags.wait) {
        show(flags, replay, () => `${replayText(replay)}See: orrery passes show ${replay.pass_id}\n`);
        return;
      }
      const done = await decoded(client, replay, flags.every);
      if (flags.json !== true) process.stdout.write(replayText(done));
      await planned(client, done, flags.every);
      await watchRun(client, done.dataset_id, flags, flags.every);
    });
}

async function decoded(client: Client, { id, pass_id }: Replay, everyS: number): Promise<Replay> {
  for (;;) {
    const { replays } = await client.get<{ replays: Replay[] }>(`/pass/${pass_id}`);
    const found = replays.find((one) => one.id === id);
    if (found?.state === "failed")
      throw new CommandError(`Replay ${id} failed: ${clean(found.error ?? "")}`, exitCodes.failed);
    if (found?.state === "done") return found;
    await sleep(everyS * 1000);
  }
}

/** Its plan is made by a job. */
async function planned(client: Client, { dataset_id }: Replay, everyS: number): Promise<void> {
  for (;;) {
    try {
      await client.get(`/run/${dataset_id}`);
      return;
    } catch (error) {
      if (!(error instanceof AnswerError) || error.status !== 404) throw error;
    }
    await sleep(everyS * 1000);
  }
}

const accounts = new Map([
  [true, "the pass's own"],
  [false, "not the pass's own: the archive has other packets than its ledger says"],
]);

function replayText({ id, pass_id, dataset_id, template, definition_sha256, is_same, csv }: Replay): string {
  return details([
    ["replay", id],
    ["of pass", pass_id],
    ["plan", dataset_id],
    ["template", clean(template)],
    ["definition", definition_sha256],
    ["account", is_same === null ? null : accounts.get(is_same)],
    ["csv", csv],
  ]);
}
