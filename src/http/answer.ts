/** Answers: successful JSON responses, with the plan's revision as their ETag. */

const jsonType = "application/json; charset=utf-8";
/** Answers may be kept, but never used without asking again. */
const revalidate = "no-cache";

/** 200 with text that is JSON already. */
export function jsonText(text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { headers: { "Content-Type": jsonType, "Cache-Control": revalidate, ...headers } });
}

/** 200 with a value as JSON. */
export const json = (value: unknown): Response => jsonText(JSON.stringify(value));

/** 200 with a plan, or a part of it, as of a revision; null: an answer given before, whose revision is not kept. */
export function planText(text: string, revision: number | null): Response {
  return revision === null ? jsonText(text) : jsonText(text, { ETag: `"${revision}"` });
}

/** 304 when `If-None-Match` names this revision, in strong or weak form; null otherwise. */
export function notModified(ifNoneMatch: string | null, revision: number): Response | null {
  if (ifNoneMatch === null) return null;
  const has = ifNoneMatch.trim() === "*" || revisionsOf(ifNoneMatch).includes(revision);
  return has
    ? new Response(null, { status: 304, headers: { ETag: `"${revision}"`, "Cache-Control": revalidate } })
    : null;
}

/** The revisions in a list of entity tags. A tag that is none of ours counts as -1, which no plan ever has (0 is that of none). */
export function revisionsOf(tags: string): number[] {
  return tags.split(",").map((tag) => Number(/^\s*(?:W\/)?"(\d{1,15})"\s*$/.exec(tag)?.[1]) || -1);
}
