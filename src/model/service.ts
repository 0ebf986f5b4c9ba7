/** Services: the clients that are configured, and the roles that let them write. */

/** The plan API's roles (CONTRACT.md §3). */
export const planRoles = ["disable", "pause", "publish", "update"] as const;
/** `operate`: jobs, queues, workers, dead letters. `admin`: API keys, templates with commands. */
export const roles = [...planRoles, "operate", "admin"] as const;
export type Role = (typeof roles)[number];

export interface Service {
  /** Its name, as tokens and stamps say it. Case counts. */
  readonly service: string;
  /** The bcrypt hash of its key. */
  readonly hash: string;
  readonly roles: readonly Role[];
}
