/** The function whose callers are wanted. */
export type StackTop = (...args: never[]) => unknown;

/**
 * A stack trace taken now and formatted only when somebody reads it: V8 formats on the first
 * access of `stack`, so a capture that is never read costs a third of one that is.
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
    const previous = Error.stackTraceLimit;
    try {
      Error.stackTraceLimit = maxFrames;
    } catch {
      // A frozen Error (hardened realms) keeps its own limit.
    }
    Error.captureStackTrace(this, above);
    try {
      Error.stackTraceLimit = previous;
    } catch {
      // As above.
    }
  }
}
