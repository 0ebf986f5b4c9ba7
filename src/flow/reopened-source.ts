/** A source that is made anew each time that it is opened: one that could not be opened is of no use any more. */
import type { Source } from "./source.ts";

export function createReopenedSource(create: () => Source): Source {
  let source = create();
  let isUsed = false;
  return {
    async open(listener) {
      if (isUsed) source = create();
      isUsed = true;
      const opening = source;
      try {
        await opening.open(listener);
      } catch (error) {
        await opening.close();
        throw error;
      }
    },
    pause: (partition) => source.pause(partition),
    resume: (partition) => source.resume(partition),
    commit: (partition, nextOffset) => source.commit(partition, nextOffset),
    waiting: (partition) => source.waiting(partition),
    close: () => source.close(),
  };
}
