/** setTimeout() and 'timeout', which streams and sessions have alike. */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
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
  return replaceFunction(prototype, 'setTimeout', (original) => {
    const { setTimeout } = {
      setTimeout(this: object, ...args: unknown[]): unknown {
        const result: unknown = Reflect.apply(original, this, args);
        if (!installation.isActive) return result;
        try {
          const record = recordOf(this);
          // Node clears the limit of every stream that it closes.
          if (record !== undefined) {
            const timeoutMs = Number(args[0]);
            record.limit =
              timeoutMs > 0 ? new Limit(timeoutMs, host.captureDeadlineStack(setTimeout)) : undefined;
          }
        } catch (error) {
          installation.fault(error);
        }
        return result;
      },
    };
    return setTimeout;
  });
}

/** Emits 'timeout' so that what is done in its listeners is known to be done because of the limit. */
export function whilePassing<T>({ limit }: Limited, emit: () => T): T {
  if (limit === undefined) return emit();
  limit.isPassing = true;
  try {
    return emit();
  } finally {
    limit.isPassing = false;
  }
}
