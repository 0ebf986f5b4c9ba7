/** A node that is started while nobody answers at its database's address. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeDatabasePlace } from "./support/database.ts";
import { startOrrery } from "./support/process.ts";
import { secretKey, services } from "./support/runtime.ts";
import { openTcpProxy } from "./support/tcp-proxy.ts";

const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: the embedded store is always there";

describe("a node that starts before its database", { skip }, () => {
  it("says so, and serves as soon as the database answers", { timeout: 60_000 }, async () => {
    const place = await makeDatabasePlace();
    const databaseUrl = new URL(place.databaseUrl ?? "");
    const proxy = await openTcpProxy(databaseUrl.href);
    await proxy.cut();
    const { host } = new URL(proxy.url);
    databaseUrl.host = host;
    const node = startOrrery(["serve", "--port", "0", "--no-example", "--data", place.dataDir], {
      cwd: place.dataDir,
      env: { SECRET_KEY: secretKey, REMOTE_APIS: JSON.stringify(services), DATABASE_URL: databaseUrl.href },
    });
    try {
      await node.line(/the database does not answer/);
      await proxy.restore();
      await node.line(/"msg":"ready"/);
      node.signal("SIGTERM");
      assert.equal(await node.ended, 0);
    } finally {
      if (node.child.exitCode === null) node.signal("SIGKILL");
      await proxy.close();
      await place.remove();
    }
  });
});
