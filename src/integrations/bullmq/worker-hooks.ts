/** Where the jobs of a worker are seen: given to the processor, failed or done, and taken away from it. */
import { context } from '@opentelemetry/api';
import { reasonOf } from '../../cancellation/reason.ts';
import type { Installation } from '../../hook/installation.ts';
import { before, during } from '../../hook/observe.ts';
import { type AnyFunction, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Operation } from '../../operation/operation.ts';

interface Worker {
  /** Set once it is told to close. */
  readonly closing?: unknown;
  /** Jobs that the processor is at, by their ids. */
  [kJobs]?: Map<string, Operation>;
}

interface BullJob {
  readonly id: string;
}

const kJobs: unique symbol = Symbol('opentelemetry.cancellation.jobs');

/** By these a processor says what is to become of the job, which then has not failed. */
const NO_FAILURE: ReadonlySet<unknown> = new Set([
  'DelayedError',
  'RateLimitError',
  'WaitingChildrenError',
  'WaitingError',
]);

export function watchWorker(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Worker: { prototype: object } }).Worker;
  const signals = new WeakMap<AbortSignal, Operation>();
  const undos = [
    watchProcessing(prototype, signals, host, installation),
    watchEnd(prototype, 'handleCompleted', host, installation),
    watchEnd(prototype, 'handleFailed', host, installation),
    watchSignals(signals, host, installation),
    watchClose(prototype, host, installation),
    watchLocks(prototype, host, installation),
  ];
  return () => undoAll(undos);
}

function watchProcessing(
  prototype: object,
  signals: WeakMap<AbortSignal, Operation>,
  host: Host,
  installation: Installation,
): Undo {
  type Args = [BullJob, string?, AbortSignal?];
  return during(prototype, 'callProcessJob', installation, (worker: Worker, [job, , signal]: Args) => {
    const operation = host.job();
    if (operation === undefined) return undefined;
    worker[kJobs] ??= new Map();
    worker[kJobs].set(job.id, operation);
    if (signal !== undefined) signals.set(signal, operation);
    return (result) => host.handledBy(operation, result);
  });
}

/** By hand: what the worker asks its queue from now on is no work for the job. */
function watchEnd(
  prototype: object,
  name: 'handleCompleted' | 'handleFailed',
  host: Host,
  installation: Installation,
): Undo {
  const see = installation.guard((worker: Worker, [result, { id }]: [unknown, BullJob]) => {
    const operation = host.job();
    if (operation === undefined) return undefined;
    worker[kJobs]?.delete(id);
    host.handlerReturned(operation);
    const isFailure =
      name === 'handleFailed' && !NO_FAILURE.has((result as Partial<Error> | undefined)?.name);
    if (isFailure) host.jobFailed(operation, result);
    return host.aside(context.active());
  });
  return replaceFunction(prototype, name, (original: AnyFunction) => {
    const { replacement } = {
      replacement(this: Worker, ...args: [unknown, BullJob]): unknown {
        const aside = installation.isActive ? see.call(undefined, this, args) : undefined;
        if (aside === undefined) return Reflect.apply(original, this, args);
        return context.with(aside, original as (...given: unknown[]) => unknown, this, ...args);
      },
    };
    return replacement;
  });
}

/** cancelJob() aborts the signal that the processor was given. Here the job is told before the processor is. */
function watchSignals(
  signals: WeakMap<AbortSignal, Operation>,
  host: Host,
  installation: Installation,
): Undo {
  return before(AbortSignal.prototype, 'dispatchEvent', installation, (signal: AbortSignal) => {
    const operation = signals.get(signal);
    // An application may dispatch an 'abort' event of its own.
    if (operation === undefined || !signal.aborted) return;
    signals.delete(signal);
    const story = host.abortOrigins.explain(signal, reasonOf(signal));
    host.cancel(operation, { kind: 'signal', phase: 'handle', ...story });
  });
}

/** A worker that is closed by force tells its queue no more of the jobs that it is at, which another one gets. */
function watchClose(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'close', installation, (worker: Worker, [isForced]: [boolean?], above) => {
    const jobs = worker[kJobs];
    if (isForced !== true || worker.closing !== undefined || jobs === undefined) return;
    const stack = host.captureStack(above);
    for (const operation of jobs.values()) {
      host.cancel(operation, {
        kind: 'local',
        trigger: 'shutdown',
        phase: 'handle',
        reason: undefined,
        stack,
      });
    }
  });
}

/** The queue says that jobs are locked by this worker no more: another one has them, or will have. */
function watchLocks(prototype: object, host: Host, installation: Installation): Undo {
  type Args = [name: string, ids: unknown];
  return before(prototype, 'emit', installation, (worker: Worker, [name, ids]: Args) => {
    if (name !== 'lockRenewalFailed' || !Array.isArray(ids)) return;
    for (const id of ids) {
      const operation = worker[kJobs]?.get(String(id));
      const reason = 'the lock of the job is lost';
      if (operation !== undefined) host.cancel(operation, { kind: 'peer-reset', phase: 'handle', reason });
    }
  });
}
