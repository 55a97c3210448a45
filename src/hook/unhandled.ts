/**
 * Errors of ours that nobody handles. They are there because we have ended something, which nobody may have waited for:
 * without us the process would go on, and so it does.
 */
import { replaceFunction, type Undo } from './replace.ts';

/** What Node emits of such an error: one that is heard by somebody ends nothing. */
const EVENTS: readonly unknown[] = ['unhandledRejection', 'uncaughtExceptionMonitor', 'uncaughtException'];

/** @param isOurs must not throw */
export function keepAlive(isOurs: (error: unknown) => boolean): Undo {
  let isActive = true;
  const undo = replaceFunction(process, 'emit', (original) => {
    const { emit } = {
      emit(this: unknown, ...args: unknown[]): unknown {
        if (isActive && EVENTS.includes(args[0]) && isOurs(args[1])) return true;
        return Reflect.apply(original, this, args);
      },
    };
    return emit;
  });
  return () => {
    isActive = false;
    undo();
  };
}
