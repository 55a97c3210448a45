/** setTimeout() and 'timeout', which streams and sessions have alike. */
import type { Installation } from '../../hook/installation.ts';
import { after } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { Limit } from './limit.ts';

export interface Limited {
  limit: Limit | undefined;
}

/** @param recordOf what is kept for a stream or session, if it is followed */
export function watchLimits(
  host: Host,
  installation: Installation,
  prototype: object,
  recordOf: (target: object) => Limited | undefined,
): Undo {
  return after(
    prototype,
    'setTimeout',
    installation,
    (target: object, [given]: unknown[], _result, above) => {
      const record = recordOf(target);
      // Node clears the limit of every stream that it closes.
      if (record === undefined) return;
      const timeoutMs = Number(given);
      record.limit = timeoutMs > 0 ? new Limit(timeoutMs, host.captureDeadlineStack(above)) : undefined;
    },
  );
}

/** Emits 'timeout' so that what is done in its listeners is known to be done because of the limit. */
export function whilePassing<T>(limit: Limit | undefined, emit: () => T): T {
  if (limit === undefined) return emit();
  limit.isPassing = true;
  try {
    return emit();
  } finally {
    limit.isPassing = false;
  }
}
