/**
 * The barrier: a function of somebody else's, seen by ours, which changes nothing of what is called, returned or
 * thrown, whatever becomes of it. What ours throws ends in Installation.fault().
 *
 * Each replacement is written as a method: no constructor, and no frame between the caller and the original but its own.
 */
import type { Installation } from './installation.ts';
import { type AnyFunction, replaceFunction, type Undo } from './replace.ts';

/** The replacement: of a stack that is captured above it the first frame is whoever called the function. */
type Above = AnyFunction;

/**
 * `see` is called before the original. It may replace what is in `args`, as its last act.
 *
 * @throws {TypeError} when there is no such function: the library is not the one we know
 */
export function before<Self, Args extends unknown[]>(
  target: object,
  key: PropertyKey,
  installation: Installation,
  see: (self: Self, args: Args, above: Above) => void,
): Undo {
  return replaceFunction(target, key, (original) => {
    const { replacement } = {
      replacement(this: Self, ...args: Args): unknown {
        if (installation.isActive) {
          try {
            see(this, args, replacement);
          } catch (error) {
            installation.fault(error);
          }
        }
        return Reflect.apply(original, this, args);
      },
    };
    return replacement;
  });
}

/** `see` is called when the original has returned, with what it returned. @throws {TypeError} as before() */
export function after<Self, Args extends unknown[]>(
  target: object,
  key: PropertyKey,
  installation: Installation,
  see: (self: Self, args: Args, result: unknown, above: Above) => void,
): Undo {
  return replaceFunction(target, key, (original) => {
    const { replacement } = {
      replacement(this: Self, ...args: Args): unknown {
        const result: unknown = Reflect.apply(original, this, args);
        if (installation.isActive) {
          try {
            see(this, args, result, replacement);
          } catch (error) {
            installation.fault(error);
          }
        }
        return result;
      },
    };
    return replacement;
  });
}

/** The original has returned, with this, or has thrown (then `result` is undefined). */
type Leave = (result: unknown) => void;

/**
 * `enter` is called before the original, as in before(); what it returns, if anything, is called after it, though we
 * may have been switched off meanwhile. @throws {TypeError} as before()
 */
export function during<Self, Args extends unknown[]>(
  target: object,
  key: PropertyKey,
  installation: Installation,
  enter: (self: Self, args: Args, above: Above) => Leave | undefined,
): Undo {
  return replaceFunction(target, key, (original) => {
    const { replacement } = {
      replacement(this: Self, ...args: Args): unknown {
        let leave: Leave | undefined;
        if (installation.isActive) {
          try {
            leave = enter(this, args, replacement);
          } catch (error) {
            installation.fault(error);
          }
        }
        if (leave === undefined) return Reflect.apply(original, this, args);
        let result: unknown;
        try {
          result = Reflect.apply(original, this, args);
          return result;
        } finally {
          // Not caught: an error that nobody catches is shown with the line that threw it.
          try {
            leave(result);
          } catch (error) {
            installation.fault(error);
          }
        }
      },
    };
    return replacement;
  });
}
