/** Services: the clients that are configured, and the roles that let them write. */

/** The plan API's roles (CONTRACT.md §3). */
export const planRoles = ["disable", "pause", "publish", "update"] as const;
/** `operate`: jobs, queues, workers, dead letters. `admin`: API keys, templates with commands. */
export const roles = [...planRoles, "operate", "admin"] as const;
export type Role = (typeof roles)[number];

/** Who calls: a service that logged in, or an API key under its name. */
export interface Caller {
  /** Its name, as tokens and stamps say it. Case counts. */
  readonly service: string;
  readonly roles: readonly Role[];
  /** The ships that it may write for, and nothing else; absent: whatever its roles allow. */
  readonly ships?: readonly string[];
}

export interface Service extends Caller {
  /** The bcrypt hash of its key. */
  readonly hash: string;
}
