/** The official instrumentation: whose spans are adopted, and whose silence is respected. */

export const OFFICIAL_SCOPE = '@opentelemetry/instrumentation-grpc';

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
 * it was told to ignore (`ignoreGrpcMethods`), or one that is not sampled: neither gets one of ours.
 */
export function isOfficialOn(): boolean {
  for (const { prototype, original } of registers) {
    if (isWrapped(prototype.register) || isWrapped(original)) return true;
  }
  return false;
}

/** InstrumentationBase leaves this mark on what it replaces, and takes it off with the replacement. */
export function isWrapped(method: unknown): boolean {
  return typeof method === 'function' && (method as { __wrapped?: unknown }).__wrapped === true;
}
