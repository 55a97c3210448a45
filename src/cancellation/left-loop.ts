/** A `for await` loop that is being left: what its iterator does because of that, it does later, in a context that has this. */
import type { CapturedStack } from '../operation/captured-stack.ts';

export const LEFT_LOOP_KEY: symbol = Symbol('opentelemetry.cancellation.left-loop');

export interface LeftLoop {
  /** Of whoever left it; only until the end of the turn. */
  stack: CapturedStack | undefined;
}
