/** Which methods a path has, for the 405 of a known path and its `Allow`. Asked only when no route answered. */

interface Route {
  readonly method: string;
  readonly path: string;
}

/** `routes` as Hono lists them; middleware, which takes every method, does not make a path known. */
export function methodsByPath(routes: readonly Route[]): (path: string) => string[] {
  const patterns = new Map<string, { matches: RegExp; methods: Set<string> }>();
  for (const { method, path } of routes) {
    if (method === "ALL") continue;
    const known = patterns.get(path) ?? { matches: expressionOf(path), methods: new Set() };
    known.methods.add(method);
    if (method === "GET") known.methods.add("HEAD");
    patterns.set(path, known);
  }
  const all = [...patterns.values()];
  return (path) => [...new Set(all.flatMap(({ matches, methods }) => (matches.test(path) ? [...methods] : [])))].sort();
}

/** `/plan/:dataset_id/*` as a regular expression. */
function expressionOf(path: string): RegExp {
  const parts = path.split("/").map((part) => {
    if (part === "*") return ".*";
    if (part.startsWith(":")) return "[^/]+";
    return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("/")}$`);
}
