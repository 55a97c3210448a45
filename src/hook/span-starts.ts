/** Sees what a span processor is told. */
import type { Installation } from './installation.ts';
import { before } from './observe.ts';
import type { AnyFunction, Undo } from './replace.ts';

/** @param see is called with the span, the context that it was started in, and the function whose callers started it */
export function watchSpanStarts<Span, Context>(
  processor: object,
  installation: Installation,
  see: (span: Span, parent: Context, above: AnyFunction) => void,
): Undo {
  return before<object, [Span, Context]>(processor, 'onStart', installation, (_processor, args, above) =>
    see(args[0], args[1], above),
  );
}
