/** Time limits in the headers of gRPC and Connect, whose implementations other than grpc-js ride on node:http2. */
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';

export interface TimeoutHeader {
  readonly name: string;
  readonly value: string;
  /** Undefined when the value breaks the grammar. */
  readonly timeoutMs: number | undefined;
}

/** gRPC over HTTP/2, "Timeout": at most eight digits and a unit. */
const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** Connect protocol, "Timeout-Milliseconds": at most ten digits. */
const CONNECT_TIMEOUT = /^\d{1,10}$/;

export function readTimeout(headers: Readonly<Record<string, unknown>>): TimeoutHeader | undefined {
  const connect = headers['connect-timeout-ms'];
  if (connect !== undefined) {
    const value = String(connect);
    return {
      name: 'connect-timeout-ms',
      value,
      timeoutMs: CONNECT_TIMEOUT.test(value) ? Number(value) : undefined,
    };
  }
  const grpc = headers['grpc-timeout'];
  if (grpc === undefined) return undefined;
  const value = String(grpc);
  const match = GRPC_TIMEOUT.exec(value);
  const timeoutMs = match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0);
  return { name: 'grpc-timeout', value, timeoutMs };
}

export function reportMalformed(host: Host, operation: Operation, header: TimeoutHeader): void {
  if (header.timeoutMs !== undefined) return;
  host.addFinding(operation, 'timeout_malformed', `${header.name}: ${header.value.slice(0, 100)}`);
}
