/** Work of a library that takes no signal: it is left to itself when the signal aborts. */

/** Rejects with the signal's reason once it aborts, and leaves no listener behind. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  return promise;
}
