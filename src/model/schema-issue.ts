/** What is said of a file that does not fit its schema: the first fault, in words. */

/** As valibot says it. */
interface Issue {
  readonly type: string;
  readonly expected: string | null;
  readonly received: string;
  readonly message: string;
}

/** `keys`: where it stands in the file. `knownKeys`: of the object that it stands in, asked for only where one is not known. */
export function issueText(
  issue: Issue,
  keys: readonly (string | number)[],
  knownKeys: () => readonly string[],
): string {
  const key = keys.at(-1);
  const parent = keys.slice(0, -1).join(".");
  const inParent = parent === "" ? "" : ` in ${parent}`;
  if (issue.type === "strict_object" && issue.expected === "never")
    return `unknown key "${key}"${inParent}: known keys are ${knownKeys().join(", ")}`;
  if (issue.received === "undefined")
    return `missing key "${key}"${inParent}: ${issue.expected ?? "a value"} is needed`;
  return keys.length === 0 ? issue.message : `cannot use ${keys.join(".")}: ${issue.message}`;
}
