/** What templates and tasks may be named: the id stands in paths and in the names of computes. */

export const idShape = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
export const idRule =
  "an id has letters, digits, _, . and - only, begins with a letter or digit, and is at most 64 long";
