import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { SetupError } from "../model/errors.ts";
import { readFlowFile } from "./flow-file.ts";
import { requireOwnFiles } from "./written-files.ts";

describe("the files that flows write", () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "orrery-written-"));
    mkdirSync(join(dir, "out"));
    symlinkSync(join(dir, "out"), join(dir, "link"));
  });
  after(() => rmSync(dir, { recursive: true }));

  const flow = (id: string, sinks: string, source = "kind: http") => ({
    dir,
    file: readFlowFile({ text: `source: { ${source} }\nsinks: { ${sinks} }`, path: `${id}.yaml`, fallbackId: id }),
  });
  const refused = (flows: Parameters<typeof requireOwnFiles>[0], reason: RegExp) =>
    assert.throws(
      () => requireOwnFiles(flows),
      (error) => error instanceof SetupError && reason.test(error.message),
    );

  it("are each one sink's", () => {
    requireOwnFiles([
      flow("a", "x: { kind: jsonl, folder: out }, y: { kind: jsonl, folder: out }"),
      flow("b", "x: { kind: jsonl, folder: other }, z: { kind: jsonl, folder: out }"),
    ]);
    refused(
      [flow("a", "x: { kind: jsonl, folder: out }"), flow("b", "y: { kind: jsonl, folder: ./out/, name: x }")],
      /^Cannot use sink "y" of flow "b": sink "x" of flow "a" writes .*out\/x\.jsonl too: give it another name or folder$/,
    );
    refused(
      [flow("a", "x: { kind: jsonl, folder: out }, y: { kind: jsonl, folder: out, name: x }")],
      /sink "x" of flow "a"/,
    );
  });

  it("are the same by a link, also where the folder is not there yet", () => {
    refused([flow("a", "x: { kind: jsonl, folder: out }"), flow("b", "x: { kind: jsonl, folder: link }")], /flow "b"/);
    refused(
      [flow("a", "x: { kind: jsonl, folder: out/new }"), flow("b", "x: { kind: jsonl, folder: link/new }")],
      /flow "b"/,
    );
  });

  it("do not lie where the flow reads, but where another one does", () => {
    const reading = flow("a", "x: { kind: jsonl, folder: link }", "kind: jsonl, folder: out");
    refused([reading], /^Cannot use sink "x" of flow "a": it would write into .*out, which the flow reads/);
    requireOwnFiles([
      flow("a", "x: { kind: jsonl, folder: out }"),
      flow("b", "y: { kind: jsonl, folder: b }", "kind: jsonl, folder: out"),
    ]);
  });
});
