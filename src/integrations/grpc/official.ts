/** The official instrumentation: whose spans are adopted, and whose silence is respected. */
import type { Span } from '@opentelemetry/api';
import type { Host } from '../../host.ts';
import type { Side } from '../../operation/operation.ts';

export const OFFICIAL_SCOPE = '@opentelemetry/instrumentation-grpc';
export const OFFICIAL_SCOPES: readonly string[] = [OFFICIAL_SCOPE];

/** Server.prototype of every copy of grpc-js that is loaded, and what was there before us. */
const registers: { readonly prototype: RegisterOwner; readonly original: unknown }[] = [];

interface RegisterOwner {
  readonly register: unknown;
}

export function rememberRegister(prototype: RegisterOwner, original: unknown): () => void {
  const entry = { prototype, original };
  registers.push(entry);
  return () => {
    registers.splice(registers.indexOf(entry), 1);
  };
}

/**
 * True when the official instrumentation is switched on. A call without a span of its is then one that
 * it was told to ignore (`ignoreGrpcMethods`), or one that is not sampled: neither gets a span of ours.
 */
export function isOfficialOn(): boolean {
  for (const { prototype, original } of registers) {
    if (isWrapped(prototype.register) || isWrapped(original)) return true;
  }
  return false;
}

/** What it made for a call that is not sampled, if that is to be counted. */
export function unsampledSpan(host: Host, side: Side): Span | undefined {
  return isOfficialOn() ? host.unsampledSpan(side) : undefined;
}

/** InstrumentationBase leaves this mark on what it replaces, and takes it off with the replacement. */
export function isWrapped(method: unknown): boolean {
  return typeof method === 'function' && (method as { __wrapped?: unknown }).__wrapped === true;
}
