/** Whether a stack names anybody who could have cancelled. */
import { parseFrame } from '../../cancellation/origin.ts';
import { isOwnFile } from '../../cancellation/own-files.ts';
import type { CapturedStack } from '../../operation/captured-stack.ts';

/**
 * Undefined where there are frames of Node, of undici and of ours alone: a body that was collected, or a
 * stream that is destroyed in a tick of its own.
 */
export function ofSomebody(stack: CapturedStack): CapturedStack | undefined {
  return stack.stack.split('\n').some(isSomebody) ? stack : undefined;
}

function isSomebody(line: string): boolean {
  const file = parseFrame(line)?.file;
  return (
    file !== undefined &&
    !file.startsWith('node:') &&
    !isOwnFile(file) &&
    !/[\\/]node_modules[\\/]undici[\\/]/.test(file)
  );
}
