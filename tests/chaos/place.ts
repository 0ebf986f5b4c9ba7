/** What the drill runs on: a Postgres server of its own, ports that stay the same over restarts, and folders that go away with it. */
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PostgresService, startPostgres } from "../../scripts/services/postgres.ts";
import { freePort } from "../../scripts/services/start.ts";

export const leaseMs = 2_000;
/** Run by nodes. */
export const nodeType = "here";
/** Run by nodes, and over at once. */
export const crowdType = "crowd";
/** Run by remote workers. */
export const workerType = "there";
/** A command's exit code for: never again. */
const neverAgain = 64;

export interface ChaosPlace {
  readonly postgres: PostgresService;
  /** A folder for each process, made. */
  folderOf(name: string): string;
  /** The lines `<job id> <nonce> <began|ended>` that every run has written, whatever became of it. */
  witnessed(): string[];
  remove(): Promise<void>;
}

export async function makeChaosPlace(): Promise<ChaosPlace> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-chaos-"));
  chmodSync(folder, 0o755); // the postgres user must reach its folder inside
  const witness = join(folder, "witness");
  appendFileSync(witness, "");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const postgres = await startPostgres(join(folder, "postgres"), await freePort(), false);
    return {
      postgres,
      folderOf(name) {
        const own = join(folder, name);
        mkdirSync(own, { recursive: true });
        writeFileSync(join(own, "orrery.yaml"), configuration());
        writeFileSync(join(own, "run.sh"), script(witness));
        return own;
      },
      witnessed: () => readFileSync(witness, "utf8").split("\n").filter(Boolean),
      async remove() {
        await postgres.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

const work = fileURLToPath(new URL("./work.ts", import.meta.url));

/** Attempts are enough for any luck; what is meant to die says so itself. */
const configuration = (): string => `
jobs: { lease_s: ${leaseMs / 1000}, concurrency: 24 }
computes:
  ${nodeType}: { kind: function, module: ${JSON.stringify(work)}, attempts: 100, retry: { kind: fixed, base_s: 0.2, max_s: 1 } }
  ${crowdType}: { kind: function, module: ${JSON.stringify(work)}, attempts: 100, retry: { kind: fixed, base_s: 0.2, max_s: 1 } }
  ${workerType}: { kind: worker, attempts: 100, no_retry: [${neverAgain}], retry: { kind: fixed, base_s: 0.2, max_s: 1 } }
`;

/** The same as work.ts does, as the command of a remote worker. It reads with the shell's own means: a process costs most of a job's time. */
const script = (witness: string): string => `
read -r task
nonce="$ORRERY_ATTEMPT.$PPID.$$"
echo "run $nonce"
echo "$ORRERY_JOB_ID $nonce began" >> '${witness}'
case "$task" in *'"wait":"short"'*) sleep 0.3 ;; *'"wait":"long"'*) sleep ${(leaseMs * 1.5) / 1000} ;; esac
echo "$ORRERY_JOB_ID $nonce ended" >> '${witness}'
case "$task" in
  *'"end":"doomed"'*) exit ${neverAgain} ;;
  *'"end":"stubborn"'*) exit 1 ;;
  *'"end":"second"'*) [ "$ORRERY_ATTEMPT" -gt 1 ] || exit 1 ;;
esac
echo "{\\"nonce\\":\\"$nonce\\"}"
`;
