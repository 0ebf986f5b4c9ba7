/** The command tree as a whole. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { createProgram } from "./program.ts";

const program = createProgram(() => Promise.reject(new Error("no node is started")));

function all(command: Command, path = "orrery"): [string, Command][] {
  return [[path, command], ...command.commands.flatMap((child) => all(child, `${path} ${child.name()}`))];
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

describe("every command", () => {
  const commands = all(program);

  it("has help with examples that begin with its name", () => {
    assert.ok(commands.length >= 60, `${commands.length} commands`);
    for (const [path, command] of commands) {
      const [, examples] = helpOf(command).split(/Examples?:\n/);
      assert.ok(examples !== undefined, `${path} has no examples`);
      assert.ok(
        examples.includes(path) || path === "orrery completion",
        `${path}: its examples do not show it\n${examples}`,
      );
    }
  });

  it("that talks to a server has --json and says its exit codes", () => {
    const talking = commands.filter(([, command]) => command.options.some(({ long }) => long === "--context"));
    assert.ok(talking.length >= 45, `${talking.length} commands`);
    for (const [path, command] of talking) {
      assert.match(helpOf(command), /Ends with 0 done, 1 failed/, path);
      if (path !== "orrery worker")
        assert.ok(
          command.options.some(({ long }) => long === "--json"),
          path,
        );
    }
  });
});
