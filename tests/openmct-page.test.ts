/** Where Open MCT's own files are served from: beside orrery.yaml, or where Orrery was started; else its page says how to get them. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openmctPageRoutes } from "../src/http/openmct-page.ts";

describe("the page of Open MCT", () => {
  let root = "";
  const at = (name: string): string => join(root, name);
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "orrery-openmct-"));
    for (const name of ["with", "also"]) {
      const dist = join(at(name), "node_modules", "openmct", "dist");
      await mkdir(dist, { recursive: true });
      await writeFile(join(dist, "openmct.js"), `// ${name}`);
    }
    await writeFile(at("secret.js"), "secret");
  });
  after(() => rm(root, { recursive: true, force: true }));

  const get = async (configDir: string, startDir: string, path: string) => {
    const answer = await openmctPageRoutes({ configDir: at(configDir), startDir: at(startDir) }).request(path);
    return { status: answer.status, text: await answer.text() };
  };

  it("is there when the package lies beside the configuration, or where the process was started", async () => {
    assert.equal((await get("with", "without", "/openmct/")).status, 200);
    assert.equal((await get("without", "with", "/openmct/")).status, 200);
    assert.equal((await get("without", "with", "/openmct/dist/openmct.js")).text, "// with");
    assert.equal((await get("also", "with", "/openmct/dist/openmct.js")).text, "// also");
  });

  it("says how to get it where it is in neither", async () => {
    const { status, text } = await get("without", "without", "/openmct/");
    assert.equal(status, 404);
    assert.match(text, /npm install openmct/);
  });

  it("serves nothing from beside the package", async () => {
    for (const path of ["..%2f..%2f..%2f..%2fsecret.js", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.js", "a%00.js"])
      assert.equal((await get("with", "also", `/openmct/dist/${path}`)).status, 404, path);
  });
});
