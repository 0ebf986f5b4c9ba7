// Makes src/store/assets/pgdata.tar.br: the data directory that the embedded store's first start unpacks, initialized and with pg_trgm,
// without any migration of ours. To be run again only when PGlite moves to another major version of Postgres: `bun scripts/prebuilt-directory.ts`.
import { writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";

// WAL segments of 1 MB instead of 16: half the size on disk, and it is not fsynced anyway.
const pglite = await PGlite.create({ extensions: { pg_trgm }, initDbStartParams: ["--wal-segsize=1"] });
await pglite.exec("create extension pg_trgm");
// Nobody makes databases in it, and two thirds of its thousand files are these: a file costs 0.2 ms at the first start.
await pglite.exec("update pg_database set datistemplate = false where datname like 'template%'");
await pglite.exec("drop database template0");
await pglite.exec("drop database template1");
await pglite.exec("vacuum");
await pglite.exec("checkpoint");
const tar = new Uint8Array(await (await pglite.dumpDataDir("none")).arrayBuffer());
await pglite.close();

// gzip would be 1.4 times the size; both unpack in 50 ms.
const packed = brotliCompressSync(tar, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: tar.length,
  },
});
writeFileSync(new URL("../src/store/assets/pgdata.tar.br", import.meta.url), packed);
console.log(`${tar.length} bytes packed into ${packed.length}`);
