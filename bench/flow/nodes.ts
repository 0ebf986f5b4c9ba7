/** Nodes as processes, kept running as a process manager does: one that ends by itself is started again after a moment. */
import { type OrreryProcess, startOrrery } from "../../tests/support/process.ts";
import { secretKey } from "../../tests/support/runtime.ts";
import type { Killable } from "./servers.ts";

const startAgainMs = 1_000;

export interface KeptNode extends Killable {
  /** Resolves when it first serves. */
  readonly ready: Promise<void>;
  /** How often it ended without having been killed. */
  readonly ends: number;
  /** Of all its lives. */
  log(): string;
}

/** `folder` has its orrery.yaml and keeps its data. */
export function keepNode(folder: string, env: Record<string, string>): KeptNode {
  const lives: OrreryProcess[] = [];
  let wanted = true;
  let ends = 0;

  function start(): OrreryProcess {
    const life = startOrrery(["serve", "--port", "0", "--data", folder, "--no-example"], {
      cwd: folder,
      env: { SECRET_KEY: secretKey, REMOTE_APIS: "[]", ...env },
    });
    lives.push(life);
    void life.ended.then(async () => {
      if (!wanted || lives.at(-1) !== life) return;
      ends += 1;
      await new Promise((resolve) => setTimeout(resolve, startAgainMs));
      if (wanted && lives.at(-1) === life) start();
    });
    return life;
  }

  const first = start();
  return {
    ready: first.line(/"msg":"ready"/, 60_000).then(() => undefined),
    get ends() {
      return ends;
    },
    async kill() {
      wanted = false;
      const life = lives.at(-1);
      if (life === undefined || life.child.exitCode !== null || life.child.signalCode !== null) return;
      life.signal("SIGKILL");
      await life.ended;
    },
    async startAgain() {
      wanted = true;
      start();
    },
    log: () => lives.map((life, at) => `--- life ${at + 1}\n${life.stdout()}${life.stderr()}`).join("\n"),
  };
}
