import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressKey, parseUdpTable } from "./proc-net-udp.ts";

const head =
  "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";

describe("/proc/net/udp", () => {
  it("is read for drops, bytes waiting and inode by address and port", () => {
    const rows = parseUdpTable(
      `${head} 7944: 0100007F:E50E 00000000:0000 07 00000000:0001F400 00:00000000 00000000     0        0 33870 2 00000000d5f3dea7 42         \n`,
    );
    assert.deepEqual(rows.get("0100007F:E50E"), { inode: 33_870, drops: 42, rxQueueBytes: 128_000 });
    assert.equal(rows.size, 1);
  });

  it("yields nothing for a table without rows or with another shape", () => {
    assert.equal(parseUdpTable(head).size, 0);
    assert.equal(parseUdpTable(`${head}garbage\n`).size, 0);
  });
});

describe("an address as the kernel writes it", () => {
  it("is words in hex, as a little-endian machine orders them", () => {
    assert.equal(addressKey("127.0.0.1", 0x1234, true), "0100007F:1234");
    assert.equal(addressKey("0.0.0.0", 80, true), "00000000:0050");
    assert.equal(addressKey("::1", 0xbb6b, true), "00000000000000000000000001000000:BB6B");
    assert.equal(addressKey("fe80::1:2%eth0", 1, true), "000080FE000000000000000002000100:0001");
    assert.equal(addressKey("::ffff:10.0.0.1", 1, true), "0000000000000000FFFF00000100000A:0001");
  });

  it("is in plain order on a big-endian machine", () => {
    assert.equal(addressKey("127.0.0.1", 0x1234, false), "7F000001:1234");
  });

  it("is none for a name", () => {
    for (const name of ["localhost", "1.2.3", "1.2.3.400", "1:2:3", ":::", "1::2::3"])
      assert.equal(addressKey(name, 1), null);
  });
});
