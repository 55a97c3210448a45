/**
 * A handler answers CANCELLED or DEADLINE_EXCEEDED itself. The official instrumentation ends its span
 * before grpc-js hears of the answer, so on its spans this is seen where the handler says so.
 */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Operation } from '../../operation/operation.ts';
import { baseOf, kOperation, type SurfaceCall } from './library.ts';
import { isOver, serverPhase } from './server-end.ts';
import { outcomeOf } from './status.ts';

/** The callback of a unary or client-streaming handler, as the official instrumentation hands it in. */
export function noteAnswer(
  host: Host,
  installation: Installation,
  operation: Operation,
  surface: SurfaceCall,
  callback: unknown,
): unknown {
  if (typeof callback !== 'function') return callback;
  const see = installation.guard((error: unknown) =>
    noteError(host, operation, surface, error, patchedCallback),
  );
  // Named and counted as the function it stands for.
  const patchedCallback = (error: unknown, value: unknown, ...rest: unknown[]): unknown => {
    if (error != null && installation.isActive) see(error);
    return rest.length === 0 ? callback(error, value) : callback(error, value, ...rest);
  };
  return patchedCallback;
}

/** Streaming handlers answer with an error by emit('error'); destroy(error) comes down to it. */
export function watchServerStreams(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const classes = moduleExports as Record<string, { prototype: object }>;
  const undos = [
    watchEmit(classes.ServerWritableStreamImpl, host, installation),
    watchEmit(classes.ServerDuplexStreamImpl, host, installation),
  ];
  return () => undoAll(undos);
}

function watchEmit(
  streamClass: { prototype: object } | undefined,
  host: Host,
  installation: Installation,
): Undo {
  if (streamClass === undefined) throw new TypeError('a stream class of grpc-js is missing');
  return before(
    streamClass.prototype,
    'emit',
    installation,
    (surface: SurfaceCall, args: unknown[], above) => {
      if (args[0] !== 'error') return;
      const operation = baseOf(surface)?.[kOperation];
      if (operation !== undefined) noteError(host, operation, surface, args[1], above);
    },
  );
}

function noteError(
  host: Host,
  operation: Operation,
  surface: SurfaceCall,
  error: unknown,
  above: StackTop,
): void {
  const { code, details, message } = error as { code?: unknown; details?: unknown; message?: unknown };
  const outcome = outcomeOf(code);
  const base = baseOf(surface);
  if (outcome === undefined || base === undefined || operation.isSettled || isOver(base)) return;
  host.cancel(operation, {
    kind: 'own-status',
    outcome,
    reason: typeof details === 'string' ? details : message,
    stack: host.captureStack(above),
    phase: serverPhase(base),
  });
}
