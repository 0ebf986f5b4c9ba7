/** Completion in the shells themselves: each is asked what it would offer. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { runOrrery } from "./support/process.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-completion-"));
after(() => rmSync(cwd, { recursive: true, force: true }));

const isThere = (shell: string): boolean => spawnSync(shell, ["-c", "exit 0"]).status === 0;

async function scriptFor(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runOrrery(["completion", shell], { cwd });
  assert.equal(code, 0, stderr);
  const path = join(cwd, `orrery.${shell}`);
  writeFileSync(path, stdout);
  return path;
}

/** What is typed, and what must be offered. */
const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["jo"], ["jobs"]],
  [
    ["jobs", "e"],
    ["enqueue", "explain"],
  ],
  [["dags", "sh"], ["show"]],
  [["jobs", "list", "--sta"], ["--state"]],
  [
    ["jobs", "list", "--state", "s"],
    ["scheduled", "succeeded"],
  ],
  [["jobs", "list", "--queue", "a", "--state", "de"], ["dead"]],
  [
    ["completion", ""],
    ["bash", "fish", "zsh"],
  ],
];

describe("completion", () => {
  it("in bash", { skip: !isThere("bash") && "bash is not installed" }, async () => {
    const path = await scriptFor("bash");
    for (const [words, expected] of cases) {
      const ask = `source '${path}'; COMP_WORDS=(orrery "$@"); COMP_CWORD=$#; _orrery; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const offered = execFileSync("bash", ["-c", ask, "bash", ...words], { encoding: "utf8" });
      assert.deepEqual(
        offered
          .split("\n")
          .filter((line) => line !== "")
          .sort(),
        expected,
        words.join(" "),
      );
    }
  });

  it("in fish", { skip: !isThere("fish") && "fish is not installed" }, async () => {
    const path = await scriptFor("fish");
    for (const [words, expected] of cases) {
      const ask = `source '${path}'; complete -C 'orrery ${words.join(" ")}'`;
      const offered = execFileSync("fish", ["--no-config", "-c", ask], { encoding: "utf8", cwd });
      const names = offered.split("\n").map((line) => line.split("\t")[0] ?? "");
      assert.deepEqual(names.filter((name) => name !== "").sort(), expected, words.join(" "));
    }
  });

  it("in zsh reads as zsh", { skip: !isThere("zsh") && "zsh is not installed" }, async () => {
    const path = await scriptFor("zsh");
    execFileSync("zsh", ["-n", path]);
    // A terminal would be needed to press TAB: the script's function is asked by stand-ins of zsh's own two.
    for (const [words, expected] of cases) {
      const ask = `compdef() { : }; _files() { : }
        compadd() { shift; print -l -- "$@" }
        _describe() { print -l -- "\${(@)found%%:*}" }
        source '${path}'; words=(orrery "$@"); CURRENT=$#words; _orrery`;
      const offered = execFileSync("zsh", ["-f", "-c", ask, "zsh", ...words], { encoding: "utf8" });
      const last = words.at(-1) ?? "";
      const names = offered.split("\n").filter((name) => name !== "" && name.startsWith(last));
      assert.deepEqual(names.sort(), expected, words.join(" "));
    }
  });
});
