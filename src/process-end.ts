/**
 * The end of the process, or of the worker thread, told while there is still time to write something down, and what it is ended by.
 *
 * Limitations. Nothing is told of process.abort(), process.reallyExit(), SIGKILL, and of a worker thread that is ended from outside, by
 * worker.terminate() or with the process.
 */
import { diag } from '@opentelemetry/api';
import { formatStack } from './cancellation/frame.ts';
import { stackOf } from './cancellation/reason.ts';
import type { Undo } from './hook/replace.ts';
import { CapturedStack, type StackTop } from './operation/captured-stack.ts';
import type { ProcessEnd } from './operation/evidence.ts';
import { PACKAGE_NAME } from './version.ts';

/** How long an end may be held up by what is written down, in ms: of the two seconds that there are, some are needed to send the last of it. */
const LIMIT_MS = 1_500;
const MAX_FRAMES = 40;
/** On the stack of an `exit` listener only when somebody called process.exit(). */
const EXIT_CALL = /^\s*at (?:process\.)?exit \(node:internal\/process\//m;

export interface EndingProcess {
  /** What ends it. Costs something, so only to be asked where there is something to write down. */
  readonly how: () => ProcessEnd;
  /** When to stop, on the clock of performance.now(), in ms. */
  readonly untilMs: number;
  /** How many operations were in flight and not recorded: counted by whoever records. */
  unrecorded: number;
}

type Watcher = (ending: EndingProcess) => void;

const watchers = new Set<Watcher>();
/** The error that nobody caught, in the turn in which it was thrown: whoever listens may still go on, or exit later. */
let uncaught: { readonly error: unknown } | undefined;

/** Those that watch are called in their order, before the application's own listeners of `exit`. */
export function watchProcessEnd(watcher: Watcher): Undo {
  if (watchers.size === 0) {
    process.prependListener('exit', onExit);
    process.on('uncaughtExceptionMonitor', onUncaught);
  }
  watchers.add(watcher);
  return () => {
    if (!watchers.delete(watcher) || watchers.size > 0) return;
    process.off('exit', onExit);
    process.off('uncaughtExceptionMonitor', onUncaught);
  };
}

/**
 * A signal is about to end the process, without an `exit` event.
 *
 * @param above whose callers send it, when that is this process
 */
export function endsBySignal(signal: string, above: StackTop | undefined): void {
  const stack = above && new CapturedStack(above, MAX_FRAMES);
  tell(endingBy(() => ({ reason: signal, stack })));
}

/** @param above whose callers say so. @param reason what they say */
export function endedHere(reason: unknown, above: StackTop): EndingProcess {
  const stack = new CapturedStack(above, MAX_FRAMES);
  return endingBy(() => ({ reason, stack }));
}

function onUncaught(error: unknown): void {
  safely(() => rememberUncaught(error));
}

function onExit(code: number): void {
  safely(() => seeExit(code));
}

function safely(see: () => void): void {
  try {
    see();
  } catch (fault) {
    diag.error(`${PACKAGE_NAME}: could not record the end of the process`, fault);
  }
}

function rememberUncaught(error: unknown): void {
  uncaught = { error };
  process.nextTick(() => {
    uncaught = undefined;
  });
}

/** Runs on the stack of process.exit(). */
function seeExit(code: number): void {
  const stack = new CapturedStack(onExit, MAX_FRAMES);
  const thrown = uncaught;
  tell(
    endingBy(() => {
      if (thrown !== undefined) return { reason: thrown.error, stack: stackOfError(thrown.error) };
      const isCalled = EXIT_CALL.test(formatStack(stack) ?? '');
      return isCalled
        ? { reason: `process.exit(${code})`, stack }
        : { reason: 'the event loop is empty', stack: undefined };
    }),
  );
}

/** An object, so that it is read once for all operations. */
function stackOfError(error: unknown): CapturedStack | undefined {
  const stack = stackOf(error);
  return stack === undefined ? undefined : { stack };
}

function endingBy(how: () => Omit<ProcessEnd, 'atMs'>): EndingProcess {
  const atMs = performance.now();
  let known: ProcessEnd | undefined;
  return {
    how: () => {
      known ??= { ...how(), atMs };
      return known;
    },
    untilMs: atMs + LIMIT_MS,
    unrecorded: 0,
  };
}

function tell(ending: EndingProcess): void {
  for (const watcher of watchers) safely(() => watcher(ending));
}
