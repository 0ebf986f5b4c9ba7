/** The examples of docs/computes.md are run as they are written: configuration, and both ways to verify a signature. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { signWebhook } from "../src/compute/webhook.ts";
import { parseConfigFile } from "../src/config-file.ts";

const text = readFileSync(join(import.meta.dirname, "../docs/computes.md"), "utf8");
const blocks = (language: string): string[] =>
  [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, of, code = ""]) => (of === language ? [code] : []));

const folder = mkdtempSync(join(tmpdir(), "orrery-document-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const other = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const sent = { id: "msg_1", epochS: 1_700_000_000, body: '{"a":"ü"}' };
const headers = signWebhook([other, secret], sent);
/** [body, headers, seconds later, whether it is good] */
const cases: [string, Record<string, string>, number, boolean][] = [
  [sent.body, headers, 0, true],
  [sent.body, headers, 299, true],
  [sent.body, headers, 400, false],
  [`${sent.body} `, headers, 0, false],
  [sent.body, { ...headers, "webhook-id": "msg_2" }, 0, false],
  [sent.body, { ...headers, "webhook-signature": "v1,x v1,é" }, 0, false],
  [sent.body, {}, 0, false],
];

describe("the examples of docs/computes.md", () => {
  it("are computes that the configuration takes", () => {
    const entries = blocks("yaml").filter((block) => !block.startsWith("allow_private"));
    assert.ok(entries.length >= 7);
    for (const block of entries) {
      const yaml = block.startsWith("computes:") ? block : `computes:\n${block.replace(/^(?=.)/gm, "  ")}`;
      assert.equal(Object.keys(parseConfigFile(yaml, "docs/computes.md").computes).length, 1, block);
    }
  });

  it("verify a signature in TypeScript", async () => {
    const code = blocks("ts").find((block) => block.includes("isFromOrrery"));
    const path = join(folder, "verify.ts");
    writeFileSync(path, code ?? "");
    const { isFromOrrery } = (await import(pathToFileURL(path).href)) as {
      isFromOrrery(secret: string, headers: Headers, body: string, nowS: number): boolean;
    };
    for (const [body, given, laterS, expected] of cases) {
      if (Object.values(given).some((value) => value.includes("é"))) continue; // no header's value
      assert.equal(isFromOrrery(secret, new Headers(given), body, sent.epochS + laterS), expected);
    }
  });

  const python = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]).status === 0;
  it("verify a signature in Python", { skip: python ? false : "python3 is not installed" }, () => {
    const code = `${blocks("python")[0]}
import json, sys
for body, headers, now, expected in json.load(sys.stdin):
    assert is_from_orrery("${secret}", headers, body.encode(), now) == expected, (body, headers, now)
print("verified")
`;
    const given = cases.map(([body, headers, laterS, expected]) => [body, headers, sent.epochS + laterS, expected]);
    const { stdout, stderr } = spawnSync("python3", ["-c", code], { input: JSON.stringify(given), encoding: "utf8" });
    assert.equal(stdout.trim(), "verified", stderr);
  });
});
