/** Whether a stack names anybody who could have cancelled. */
import { type Frame, parseFrame } from '../../cancellation/frame.ts';
import { isOwnFrame } from '../../cancellation/own-files.ts';
import type { CapturedStack } from '../../operation/captured-stack.ts';

/**
 * Undefined where there are frames of Node, of undici and of ours alone: a body that was collected, or a
 * stream that is destroyed in a tick of its own.
 */
export function ofSomebody(stack: CapturedStack): CapturedStack | undefined {
  const frames = stack.stack.split('\n').map(parseFrame);
  return frames.some((frame, index) => isSomebody(frame, frames[index - 1])) ? stack : undefined;
}

function isSomebody(frame: Frame | undefined, above: Frame | undefined): boolean {
  return (
    frame !== undefined &&
    !frame.file.startsWith('node:') &&
    !isOwnFrame(frame, above) &&
    !/[\\/]node_modules[\\/]undici[\\/]/.test(frame.file)
  );
}
