/**
 * Whoever leaves a `for await` loop calls return() of the iterator. An async generator, which the streams of Node and of most
 * libraries have for one, goes on from there a microtask later, when whoever left is no longer on the stack: so that
 * is remembered in the context in which it goes on.
 */
import { context } from '@opentelemetry/api';
import { LEFT_LOOP_KEY, type LeftLoop } from '../../cancellation/left-loop.ts';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';

/** Of all async generators. */
const { prototype } = Object.getPrototypeOf(async function* () {});

export function watchLoops(host: Host, installation: Installation): Undo {
  // A hardened realm keeps it as it is.
  if (!Object.getOwnPropertyDescriptor(prototype, 'return')?.configurable) return () => {};
  const forget = installation.guard((left: LeftLoop): void => {
    left.stack = undefined;
  });
  const enter = installation.guard((above: StackTop) => {
    const active = context.active();
    // A library's loop in the application's own, which is left with it.
    if ((active.getValue(LEFT_LOOP_KEY) as LeftLoop | undefined)?.stack !== undefined) return undefined;
    const left: LeftLoop = { stack: host.captureStack(above) };
    // What the generator starts by then has the context for as long as it lives, and is not to hold the stack as well.
    setImmediate(forget, left).unref();
    return active.setValue(LEFT_LOOP_KEY, left);
  });
  return replaceFunction(prototype, 'return', (original) => {
    const { replacement } = {
      replacement(this: unknown, ...args: unknown[]): unknown {
        const inside = installation.isActive ? enter(replacement) : undefined;
        const callOriginal = (): unknown => Reflect.apply(original, this, args);
        return inside === undefined ? callOriginal() : context.with(inside, callOriginal);
      },
    };
    return replacement;
  });
}
