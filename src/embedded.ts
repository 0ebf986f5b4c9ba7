/** What the single binary carries instead of files beside the sources. `scripts/build.ts` puts the real ones in its place. */
export const embedded: {
  /** The example mission: relative path → text. */
  readonly example: Readonly<Record<string, string>> | null;
} = { example: null };

/** Whether this is the single binary. */
export const isCompiled: boolean = false;
