/** What a message flow may be called. */
export const flowNamePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
