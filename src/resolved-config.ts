/** Options that are given: their defaults, and what is refused. */
import { OUTGOING_DEADLINE_HEADERS } from './cancellation/deadline-headers.ts';
import type {
  CancellationInstrumentationConfig,
  CancelStatusCodes,
  PropagateConfig,
  Redact,
  ResolvedConfig,
  ResolvedPropagateConfig,
  StatusConfig,
} from './config.ts';
import type { Integration } from './integration.ts';
import type { Outcome } from './operation/evidence.ts';
import { integerBetween, optionalBoolean, refuseUnknown, requireObject, typeError } from './option-checks.ts';

const STATUS_DEFAULTS: Required<StatusConfig> = {
  grpcClient: 'error',
  grpcServer: 'unset',
  httpClient: 'unset',
  httpServer: 'unset',
  deadline: 'error',
};

const STATUS_CODE_DEFAULTS = {
  408: 'deadline_exceeded',
  499: 'context.canceled',
  504: 'deadline_exceeded',
} as const;

const MAX_STACK_FRAMES = 200;
const DAY_MS = 86_400_000;

/**
 * @throws {TypeError} for an unknown option or a value of the wrong type, naming both and what is accepted
 * @throws {RangeError} for a number out of range
 */
export function resolveConfig(
  config: CancellationInstrumentationConfig,
  defaultIntegrations: readonly Integration[],
): ResolvedConfig {
  requireObject('options', config);
  refuseUnknown('', config, [
    'enabled',
    'integrations',
    'status',
    'cancelStatusCodes',
    'maxStackFrames',
    'captureReason',
    'redact',
    'captureDeadlineStack',
    'capturePendingStack',
    'propagate',
    'workEndsWithRequest',
    'workAfterCancelMs',
    'maxWorkAfterCancelMs',
    'announceWork',
    'trackAsync',
    'guessLostContext',
  ]);
  optionalBoolean('enabled', config.enabled);
  return {
    integrations: resolveIntegrations(config.integrations ?? defaultIntegrations),
    status: resolveStatus(config.status ?? {}),
    cancelStatusCodes: resolveStatusCodes(config.cancelStatusCodes),
    maxStackFrames: integerBetween('maxStackFrames', config.maxStackFrames ?? 40, 1, MAX_STACK_FRAMES),
    captureReason: optionalBoolean('captureReason', config.captureReason) ?? true,
    redact: resolveRedact(config.redact),
    captureDeadlineStack: optionalBoolean('captureDeadlineStack', config.captureDeadlineStack) ?? true,
    capturePendingStack: optionalBoolean('capturePendingStack', config.capturePendingStack) ?? true,
    propagate: resolvePropagate(config.propagate ?? {}),
    workEndsWithRequest: optionalBoolean('workEndsWithRequest', config.workEndsWithRequest) ?? true,
    workAfterCancelMs: integerBetween('workAfterCancelMs', config.workAfterCancelMs ?? 100, 0, DAY_MS),
    maxWorkAfterCancelMs: integerBetween(
      'maxWorkAfterCancelMs',
      config.maxWorkAfterCancelMs ?? 60_000,
      1,
      DAY_MS,
    ),
    announceWork: optionalBoolean('announceWork', config.announceWork) ?? false,
    trackAsync: optionalBoolean('trackAsync', config.trackAsync) ?? false,
    guessLostContext: optionalBoolean('guessLostContext', config.guessLostContext) ?? false,
  };
}

function resolveIntegrations(integrations: readonly Integration[]): readonly Integration[] {
  if (!Array.isArray(integrations)) {
    throw typeError('integrations', 'an array, such as [...defaultIntegrations, mine]', integrations);
  }
  const names = new Set<string>();
  for (const [index, integration] of (integrations as readonly Integration[]).entries()) {
    const name = `integrations[${index}]`;
    requireObject(name, integration);
    if (typeof integration.name !== 'string') throw typeError(`${name}.name`, 'a string', integration.name);
    if (names.has(integration.name)) {
      throw new TypeError(
        `Option "${name}": "${integration.name}" is listed twice; name each integration once.`,
      );
    }
    names.add(integration.name);
  }
  return integrations;
}

function resolveRedact(redact: CancellationInstrumentationConfig['redact']): Redact | undefined {
  if (redact === undefined || typeof redact === 'function') return redact;
  const accepted = 'a function, or an array of regular expressions';
  if (!Array.isArray(redact)) throw typeError('redact', accepted, redact);
  const patterns = (redact as readonly (RegExp | string)[]).map((pattern, index) =>
    everyMatch(`redact[${index}]`, pattern),
  );
  return (_key, value) => patterns.reduce((text, pattern) => text.replace(pattern, 'REDACTED'), value);
}

function everyMatch(name: string, pattern: unknown): RegExp {
  if (pattern instanceof RegExp) return new RegExp(pattern, `${pattern.flags.replace('g', '')}g`);
  if (typeof pattern !== 'string') throw typeError(name, 'a regular expression or the text of one', pattern);
  try {
    return new RegExp(pattern, 'g');
  } catch (error) {
    throw new TypeError(`Option "${name}" must be a regular expression: ${(error as Error).message}.`);
  }
}

function resolveStatus(status: StatusConfig): Required<StatusConfig> {
  requireObject('status', status);
  refuseUnknown('status.', status, Object.keys(STATUS_DEFAULTS));
  const resolved = { ...STATUS_DEFAULTS };
  for (const key of Object.keys(STATUS_DEFAULTS) as (keyof StatusConfig)[]) {
    const value = status[key];
    if (value === undefined) continue;
    if (value !== 'error' && value !== 'unset') throw typeError(`status.${key}`, "'error' or 'unset'", value);
    resolved[key] = value;
  }
  return resolved;
}

function resolvePropagate(propagate: PropagateConfig): ResolvedPropagateConfig {
  requireObject('propagate', propagate);
  refuseUnknown('propagate.', propagate, [
    'httpDeadline',
    'grpcDeadline',
    'marginMs',
    'cancel',
    'cancelInTransaction',
  ]);
  const { httpDeadline, grpcDeadline, marginMs = 0, cancel, cancelInTransaction } = propagate;
  if (httpDeadline !== undefined && !OUTGOING_DEADLINE_HEADERS.includes(httpDeadline)) {
    throw typeError('propagate.httpDeadline', `one of ${OUTGOING_DEADLINE_HEADERS.join(', ')}`, httpDeadline);
  }
  return {
    httpDeadline,
    grpcDeadline: optionalBoolean('propagate.grpcDeadline', grpcDeadline) ?? false,
    marginMs: integerBetween('propagate.marginMs', marginMs, 0, 60_000),
    cancel: optionalBoolean('propagate.cancel', cancel) ?? false,
    cancelInTransaction: optionalBoolean('propagate.cancelInTransaction', cancelInTransaction) ?? false,
  };
}

function resolveStatusCodes(
  given: CancellationInstrumentationConfig['cancelStatusCodes'] = STATUS_CODE_DEFAULTS,
): ResolvedConfig['cancelStatusCodes'] {
  requireObject('cancelStatusCodes', given);
  if (!('client' in given || 'server' in given)) {
    const both = resolveTable('cancelStatusCodes', given);
    return { client: both, server: both };
  }
  refuseUnknown('cancelStatusCodes.', given, ['client', 'server']);
  const { client = STATUS_CODE_DEFAULTS, server = STATUS_CODE_DEFAULTS } = given;
  return {
    client: resolveTable('cancelStatusCodes.client', client),
    server: resolveTable('cancelStatusCodes.server', server),
  };
}

function resolveTable(option: string, codes: CancelStatusCodes): ReadonlyMap<number, Outcome> {
  requireObject(option, codes);
  const resolved = new Map<number, Outcome>();
  for (const [key, value] of Object.entries(codes)) {
    const name = `${option}.${key}`;
    const code = integerBetween(name, Number(key), 100, 599);
    if (value === 'context.canceled') resolved.set(code, 'canceled');
    else if (value === 'deadline_exceeded') resolved.set(code, 'deadline_exceeded');
    else throw typeError(name, "'context.canceled' or 'deadline_exceeded'", value);
  }
  return resolved;
}
