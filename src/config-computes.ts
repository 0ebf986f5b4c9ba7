/** The part of orrery.yaml that says what computes and job types there are: what each kind may say, and within which bounds. */
import * as v from "valibot";

const text = v.pipe(v.string(), v.nonEmpty());
const countable = v.pipe(v.number(), v.integer(), v.minValue(1));
const positive = v.pipe(v.number(), v.gtValue(0));
const seconds = (max: number) => v.pipe(v.number(), v.minValue(0), v.maxValue(max));
const texts = v.record(v.string(), v.string());

/** No line break can stand in a header, and these are ours to say. */
const ownHeaders = /^(webhook-.*|content-type|content-length|transfer-encoding|connection|host)$/i;
const headerName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "a header's name is needed"),
  v.check((name) => !ownHeaders.test(name), "this header is set by us"),
);
const headers = v.record(
  headerName,
  v.pipe(v.string(), v.regex(/^[\t\x20-\x7e\x80-\xff]*$/, "a header's value has no line breaks or control characters")),
);

export const variable = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable is needed"),
);
const oneOrMore = <Schema extends v.GenericSchema<string, string>>(schema: Schema) =>
  v.union([schema, v.pipe(v.array(schema), v.minLength(1), v.maxLength(10))]);

const name = (what: string) =>
  v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, `${what}'s name has letters, digits, - and _ only, at most 64`),
    v.notValue("orrery", 'the name "orrery" is reserved'),
  );

const url = v.pipe(
  v.string(),
  v.check((given) => {
    const parsed = URL.canParse(given) ? new URL(given) : null;
    return parsed !== null && ["http:", "https:"].includes(parsed.protocol);
  }, "an address such as https://service.example.org/compute is needed"),
  v.check(
    (given) => !URL.canParse(given) || new URL(given).username === "",
    "no name or password stands in an address: use headers",
  ),
);

/** base64 of 24 to 64 bytes, as the Standard Webhooks specification says. */
const secret = v.pipe(
  v.string(),
  v.check((given) => {
    const key = given.replace(/^whsec_/, "");
    const { length } = Buffer.from(key, "base64");
    return given.startsWith("whsec_") && /^[A-Za-z0-9+/]+={0,2}$/.test(key) && length >= 24 && length <= 64;
  }, "whsec_ and the base64 of 24 to 64 random bytes is needed: `echo whsec_$(openssl rand -base64 32)` makes one"),
);

/** When what failed is tried again. */
export const retryRule = v.pipe(
  v.strictObject({
    kind: v.optional(v.picklist(["exponential", "linear", "fixed"])),
    base_s: v.optional(seconds(86_400)),
    max_s: v.optional(seconds(604_800)),
    jitter: v.optional(v.boolean()),
  }),
  v.check(
    ({ base_s = 1, max_s = 60 }) => base_s <= max_s,
    "base_s (1 if absent) may not be above max_s (60 if absent)",
  ),
);

/** What every dispatched kind may say, and a job type anew. */
const dispatch = {
  timeout_s: v.optional(v.pipe(seconds(604_800), v.gtValue(0))),
  attempts: v.optional(v.pipe(countable, v.maxValue(100))),
  concurrency: v.optional(v.pipe(countable, v.maxValue(10_000))),
  queue: v.optional(name("a queue")),
  requires: v.optional(v.pipe(v.array(v.pipe(text, v.maxLength(128))), v.maxLength(32))),
  retry: v.optional(retryRule),
  no_retry: v.optional(v.pipe(v.array(v.union([text, v.pipe(v.number(), v.integer())])), v.maxLength(100))),
};

const request = {
  headers: v.optional(headers),
  headers_env: v.optional(v.record(headerName, variable)),
  ca_file: v.optional(text),
};

/** Where a signed request goes, and what it carries. */
export const signedRequest = {
  url,
  secret: v.optional(oneOrMore(secret)),
  secret_env: v.optional(oneOrMore(variable)),
  allow_private: v.optional(v.union([v.boolean(), v.pipe(v.array(text), v.maxLength(100))])),
  ...request,
};

export const Compute = v.variant("kind", [
  v.strictObject({ kind: v.literal("external") }),
  v.strictObject({ kind: v.literal("function"), module: text, export: v.optional(text), ...dispatch }),
  v.strictObject({
    kind: v.literal("shell"),
    command: v.union([text, v.pipe(v.array(v.string()), v.minLength(1))]),
    cwd: v.optional(text),
    env: v.optional(texts),
    ...dispatch,
  }),
  v.strictObject({
    kind: v.literal("http"),
    ...signedRequest,
    ...dispatch,
  }),
  v.strictObject({
    kind: v.literal("ray"),
    address: url,
    entrypoint: text,
    runtime_env: v.optional(v.looseObject({ env_vars: v.optional(texts) })),
    entrypoint_num_cpus: v.optional(positive),
    entrypoint_num_gpus: v.optional(positive),
    entrypoint_memory: v.optional(countable),
    entrypoint_resources: v.optional(v.record(v.string(), positive)),
    poll_s: v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(300))),
    ...request,
    ...dispatch,
  }),
  v.strictObject({ kind: v.literal("worker"), ...dispatch }),
  v.strictObject({
    kind: v.literal("container"),
    image: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][^\s,]*$/, "the name of an image is needed")),
    command: v.optional(v.array(v.string())),
    env: v.optional(v.record(variable, v.string())),
    mounts: v.optional(
      v.array(
        v.strictObject({
          source: v.pipe(text, v.excludes(",", "a mount's path has no comma")),
          target: v.pipe(
            text,
            v.startsWith("/", "an absolute path is needed"),
            v.excludes(",", "a mount's path has no comma"),
          ),
          read_only: v.optional(v.boolean()),
        }),
      ),
    ),
    network: v.optional(
      v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/, "the name of a network is needed")),
    ),
    cpus: v.optional(positive),
    memory_mb: v.optional(v.pipe(countable, v.minValue(6))),
    runtime: v.optional(v.picklist(["docker", "podman"])),
    ...dispatch,
  }),
]);

const JobType = v.strictObject({ compute: text, ...dispatch });

export const Computes = v.record(name("a compute"), Compute);
export const JobTypes = v.record(name("a job type"), JobType);

/** How a compute runs. Paths are relative to the configuration's directory. */
export type ComputeConfig = v.InferOutput<typeof Compute>;
export type JobTypeConfig = v.InferOutput<typeof JobType>;

/** What is wrong with a job type beside its shape: the key at fault, and why. */
export function jobTypeFlaw(
  jobTypes: Readonly<Record<string, JobTypeConfig>>,
  computes: Readonly<Record<string, ComputeConfig>>,
): { readonly keys: readonly string[]; readonly message: string } | null {
  for (const [type, { compute }] of Object.entries(jobTypes)) {
    if (Object.hasOwn(computes, type))
      return { keys: [type], message: `there is a compute "${type}" too: name one of them otherwise` };
    if (type === "cams" || type === "dbxaas") return { keys: [type], message: `the name "${type}" is a compute's` };
    const base = Object.hasOwn(computes, compute) ? computes[compute] : undefined;
    if (base !== undefined && base.kind !== "external") continue;
    const known = Object.keys(computes).filter((name) => computes[name]?.kind !== "external");
    const why = base ? "is external: nobody dispatches it" : `is not one of computes`;
    return { keys: [type, "compute"], message: `"${compute}" ${why}; known are ${known.join(", ") || "none"}` };
  }
  return null;
}

/** The keys that an entry of `computes` or `job_types` may have; `kind` as it was written. */
export function knownComputeKeys(kind: unknown): string[] {
  return Object.keys(Compute.options.find((option) => option.entries.kind.literal === kind)?.entries ?? {});
}

export const jobTypeKeys = Object.keys(JobType.entries);
export const retryKeys = ["kind", "base_s", "max_s", "jitter"];
export const mountKeys = ["source", "target", "read_only"];
