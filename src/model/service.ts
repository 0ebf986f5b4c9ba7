/** Services: the clients that are configured, and the roles that let them write. */

export const roles = ["disable", "pause", "publish", "update"] as const;
export type Role = (typeof roles)[number];

export interface Service {
  /** Its name, as tokens and stamps say it. Case counts. */
  readonly service: string;
  /** The bcrypt hash of its key. */
  readonly hash: string;
  readonly roles: readonly Role[];
}
