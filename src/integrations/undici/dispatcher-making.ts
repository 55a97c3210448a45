/**
 * Where the dispatchers of the application were made: by that line the limits were set that all their requests have. A
 * class cannot be replaced, but what it inherits from can: its constructor is called by those of all dispatchers.
 */
import { formatStack } from '../../cancellation/frame.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Watch } from './watch.ts';

// biome-ignore lint/suspicious/noExplicitAny: the constructor of a class that is not ours
type Class = abstract new (...args: any[]) => object;

/** @param base DispatcherBase */
export function watchMaking(watch: Watch, base: object): Undo {
  const { host, installation } = watch;
  const parent: unknown = Object.getPrototypeOf(base);
  if (typeof parent !== 'function') return () => {};
  const remember = installation.guard((made: object): void => {
    // A dispatcher makes others when a request needs them.
    if (!installation.isActive || watch.dispatching !== undefined) return;
    const stack = host.captureDeadlineStack(construct);
    const text = stack && formatStack(stack);
    if (text !== undefined) watch.madeBy.set(made, text);
  });
  function construct(target: Class, args: unknown[], newTarget: new () => object): object {
    const made = Reflect.construct(target, args, newTarget);
    remember(made);
    return made;
  }
  const seen = new Proxy(parent as Class, { construct });
  Object.setPrototypeOf(base, seen);
  return () => {
    if (Object.getPrototypeOf(base) === seen) Object.setPrototypeOf(base, parent);
  };
}
