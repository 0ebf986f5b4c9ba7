/** Whether this is the single executable: Bun serves what it carries from a folder of this name. */
export const isCompiled = /\$bunfs|~BUN/.test(import.meta.url);
