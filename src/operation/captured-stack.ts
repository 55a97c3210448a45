/** The function whose callers are wanted. */
export type StackTop = (...args: never[]) => unknown;

/**
 * A stack trace taken now and formatted only when somebody reads it: V8 formats on the first
 * access of `stack`, so a capture that is never read costs a third of one that is. Where no stack can be taken, it is empty.
 */
export class CapturedStack {
  declare readonly stack: string;
  /** Of what led to this call in an earlier turn, where that is known: those frames go on from the last of these. */
  readonly earlier?: CapturedStack | undefined;

  /**
   * @param above the function whose callers are wanted; its own frame and all below it are left out
   * @param maxFrames how many frames V8 collects
   */
  constructor(above: StackTop, maxFrames: number, earlier?: CapturedStack) {
    this.earlier = earlier;
    let previous: number | undefined;
    let isSet = false;
    try {
      previous = Error.stackTraceLimit;
      Error.stackTraceLimit = maxFrames;
      isSet = true;
    } catch {
      // A frozen Error (hardened realms) keeps its own limit.
    }
    try {
      Error.captureStackTrace(this, above);
    } catch {
      // The application has put something else there, or nothing.
      this.stack = '';
    }
    if (isSet) restoreLimit(previous);
  }
}

function restoreLimit(previous: number | undefined): void {
  try {
    if (previous === undefined) Reflect.deleteProperty(Error, 'stackTraceLimit');
    else Error.stackTraceLimit = previous;
  } catch {
    // It could be set, and cannot any more.
  }
}
