/** Who ended an incoming request, and why. */
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import type { Response, Transport } from './internals.ts';
import { isShuttingDown, isTimingOut } from './node-activity.ts';
import { serverPhaseOf } from './phase.ts';

/** A limit of Node's, or the peer; undefined when it was neither. */
export function whyConnectionEnded(
  response: Response,
  socket: Transport,
  error: unknown,
): Evidence | undefined {
  const phase = serverPhaseOf(response);
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT' || isTimingOut(socket)) {
    return { kind: 'local-timeout', trigger: 'timeout', phase, reason: error ?? undefined, stack: undefined };
  }
  if (syscall !== undefined || socket._readableState?.ended) return { kind: 'peer-gone', phase };
  return undefined;
}

/** Undefined for a request that is broken by itself, which is a failure. */
export function whyDestroyedHere(
  host: Host,
  response: Response,
  socket: Transport,
  error: unknown,
  above: StackTop,
): Evidence | undefined {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code === 'string' && (code.startsWith('HPE_') || code.startsWith('ERR_SSL_'))) return undefined;
  const phase = serverPhaseOf(response);
  const reason = error ?? undefined;
  if (isTimingOut(socket))
    return { kind: 'local-timeout', trigger: 'timeout', phase, reason, stack: undefined };
  const trigger = isShuttingDown() ? 'shutdown' : 'destroy';
  return { kind: 'local', trigger, phase, reason, stack: host.captureStack(above) };
}
