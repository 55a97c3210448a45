/**
 * A handler answers CANCELLED or DEADLINE_EXCEEDED itself. The official instrumentation ends its span
 * before grpc-js hears of the answer, so on its spans this is seen where the handler says so.
 */
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Operation } from '../../operation/operation.ts';
import { baseOf, kOperation, type SurfaceCall } from './internals.ts';
import { serverPhase } from './phase.ts';
import { isOver } from './server-evidence.ts';
import { outcomeOf } from './status.ts';

/** The callback of a unary or client-streaming handler, as the official instrumentation hands it in. */
export function watchAnswer(
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

/** A streaming handler has answered. On a span of ours counts what is sent: an interceptor may make something else of it. */
export function answeredError(host: Host, surface: SurfaceCall, error: unknown, above: StackTop): void {
  const operation = baseOf(surface)?.[kOperation];
  if (operation?.ownsSpan === false) noteError(host, operation, surface, error, above);
}

interface Said {
  readonly code?: unknown;
  readonly details?: unknown;
  readonly message?: unknown;
}

function saidBy(error: unknown): Said {
  try {
    const { code, details, message } = error as Said;
    return { code, details, message };
  } catch {
    // grpc-js is about to find out.
    return {};
  }
}

function noteError(
  host: Host,
  operation: Operation,
  surface: SurfaceCall,
  error: unknown,
  above: StackTop,
): void {
  const { code, details, message } = saidBy(error);
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
