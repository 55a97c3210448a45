/**
 * What is this package's in a stack: it says nothing about the application. In a bundle, that is one file with the
 * application's own code.
 */
import { CapturedStack } from '../operation/captured-stack.ts';
import { type Frame, formatStack, parseFrame } from './frame.ts';

// Not by import.meta.url: a bundle that is CommonJS has none, and some write in the path at which it was made.
const HERE = thisFile();
/** dist/ or src/. */
const FOLDER = /^(.*[\\/])cancellation[\\/]own-files\.[jt]s$/.exec(HERE ?? '')?.[1];

/** The bundle that this package is in. Undefined when it is in none. */
export const bundleFile: string | undefined = FOLDER === undefined ? HERE : undefined;

/** @param above the last frame before it in the stack that is not of ours: what it has called, maybe by another of ours on the same function */
export function isOwnFrame(frame: Frame, above: Frame | undefined): boolean {
  if (FOLDER !== undefined) return frame.file.startsWith(FOLDER);
  // A function of ours calls the one that it has replaced, which has the same name and is in no bundle.
  return (
    frame.file === bundleFile &&
    above !== undefined &&
    above.file !== bundleFile &&
    above.functionName === frame.functionName
  );
}

function thisFile(): string | undefined {
  const line = formatStack(new CapturedStack(thisFile, 1))?.split('\n').at(-1);
  return line === undefined ? undefined : parseFrame(line)?.file;
}
