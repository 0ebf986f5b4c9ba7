/**
 * Completes package-lock.json: adds the builds for other platforms that a registry mirror did not list when the lock was written.
 * Without them `npm ci` (npm 11) refuses the lock. Run it after adding a dependency: `npx bun scripts/complete-lock.ts`.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface Entry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  engines?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const lockUrl = new URL("../package-lock.json", import.meta.url);
// The shape is npm's, lock file version 3.
const lock = JSON.parse(readFileSync(lockUrl, "utf8")) as { packages: Record<string, Entry> };

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors = ["arm64", "arm", "ia32", "loong64", "ppc64", "riscv64", "s390x", "x64"];

/** `@scope/name-linux-arm-musleabihf` → what npm compares with the machine before it fetches anything. */
function platformOf(name: string): Pick<Entry, "os" | "cpu" | "libc"> {
  const words = name.split(/[/-]/);
  const os = words.find((word) => systems.includes(word));
  const cpu = words.find((word) => processors.includes(word));
  if (os === undefined || cpu === undefined)
    throw new Error(`Cannot tell the platform of ${name}: complete its lock entry by hand`);
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : ["glibc"];
  return { os: [os], cpu: [cpu], ...(os === "linux" ? { libc } : {}) };
}

let added = 0;
for (const [owner, { optionalDependencies, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] || lock.packages[`${owner}/${place}`]) continue;
    if (!/^\d/.test(version))
      throw new Error(`Cannot lock ${name} as ${owner} asks for the range ${version}: lock it by hand`);
    lock.packages[place] = { version, ...(dev ? { dev } : {}), optional: true, ...platformOf(name) };
    added += 1;
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(lockUrl, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} lock entries added`);
