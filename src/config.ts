/** Options: what a user may say, what it means when nothing is said, and what is refused. */
import { OUTGOING_DEADLINE_HEADERS, type OutgoingDeadlineHeader } from './cancellation/deadline-headers.ts';
import type { Integration } from './integration.ts';
import type { Outcome } from './operation/evidence.ts';
import type { Side } from './operation/operation.ts';
import { integerBetween, optionalBoolean, refuseUnknown, requireObject, typeError } from './option-checks.ts';

/** The span status of cancelled operations; see `status` below. */
export interface StatusConfig {
  /** gRPC CLIENT spans of calls that somebody cancelled. @default 'error' */
  grpcClient?: 'error' | 'unset';
  /** gRPC SERVER spans of such calls. @default 'unset' */
  grpcServer?: 'error' | 'unset';
  /** HTTP CLIENT spans of such requests. @default 'unset' */
  httpClient?: 'error' | 'unset';
  /** HTTP SERVER spans of such requests. @default 'unset' */
  httpServer?: 'error' | 'unset';
  /** Every span of an operation whose time limit passed. @default 'error' */
  deadline?: 'error' | 'unset';
}

/** Passing on to outgoing operations what the incoming one they work for has; see `propagate` below. */
export interface PropagateConfig {
  /**
   * Header by which outgoing HTTP requests tell what is left of the time: `X-Request-Deadline` (ms since 1970),
   * or one of the relative `Timeout-Ms`, `X-Request-Timeout`, `Connect-Timeout-Ms`, `grpc-timeout`. A request that
   * has the header already keeps it. Of node:http, node:http2, fetch() and undici. @default undefined: none
   */
  httpDeadline?: OutgoingDeadlineHeader;
  /**
   * Whether outgoing gRPC calls get the time that is left as their deadline, unless theirs is earlier: those of
   * grpc-js, and as `grpc-timeout` those of other clients (Connect), where they have none. @default false
   */
  grpcDeadline?: boolean;
  /** Kept back for the way and for the answer, in ms: 0 to 60 000. @default 0 */
  marginMs?: number;
  /**
   * Whether outgoing operations are cancelled when the incoming one is. They then fail as if the application had
   * cancelled them: a request emits 'error', which it must listen to, fetch() rejects, and a query of `pg` or `mysql2`
   * fails as if the database had cancelled it.
   * @default false
   */
  cancel?: boolean;
  /**
   * Whether `cancel` reaches statements within a transaction as well. The application has to roll back, as after any
   * error. COMMIT and the like are never cancelled. @default false
   */
  cancelInTransaction?: boolean;
}

/** From HTTP status code, 100 to 599, to what it means. */
export type CancelStatusCodes = Readonly<Record<number, 'context.canceled' | 'deadline_exceeded'>>;

export interface CancellationInstrumentationConfig {
  /** Whether it is switched on from the start; see `enable()`. @default true */
  enabled?: boolean;
  /**
   * What is instrumented. To add your own: `[...defaultIntegrations, mine]`.
   * @default defaultIntegrations
   */
  integrations?: readonly Integration[];
  /**
   * Span status of cancelled operations. The defaults are those of the OpenTelemetry semantic
   * conventions for HTTP and RPC.
   */
  status?: StatusConfig;
  /**
   * HTTP response status codes that say that the operation was cancelled: by whoever answered, told on CLIENT spans, and by
   * the handler itself, on SERVER spans. One table for both, or one for each side, of which what is left out keeps its
   * default. A table replaces the default; `{}` switches it off.
   * @default { 408: 'deadline_exceeded', 499: 'context.canceled', 504: 'deadline_exceeded' }
   */
  cancelStatusCodes?: CancelStatusCodes | { client?: CancelStatusCodes; server?: CancelStatusCodes };
  /**
   * Frames kept of the stack of whoever cancelled: 1 to 200. The frames of Node and of libraries
   * between the cancel and the line that caused it count.
   * @default 40
   */
  maxStackFrames?: number;
  /**
   * Whether to take a stack where a time limit is set (gRPC deadline, AbortSignal.timeout(), `timeout`
   * option), so that a missed one can name the line. Costs some µs for every operation that has one.
   * @default true
   */
  captureDeadlineStack?: boolean;
  /**
   * What is passed on to outgoing operations. Changes what the application does, so nothing is unless told.
   * @default {}
   */
  propagate?: PropagateConfig;
  /**
   * Whether to take a stack where an incoming operation's handler starts an outgoing one, so that a cancel can
   * name what the handler was waiting for. Costs some µs for every such operation; of spans of others at most 200
   * are taken a second.
   * @default true
   */
  capturePendingStack?: boolean;
  /**
   * Whether what a handler does for an incoming operation is for that one alone: it is to end when that is cancelled, and within
   * its time. It is a finding when it does not: `cancel_not_propagated`, `late_operation`, `work_after_cancel`,
   * `deadline_dropped`, `deadline_extended`. What is meant to go on all the same (an order that is finished, a cache that is filled, a
   * request that several wait for) is called by `detached()`; in a service that does so everywhere, this is false.
   * @default true
   */
  workEndsWithRequest?: boolean;
  /**
   * A handler that goes on for longer than this after its operation was cancelled is a finding,
   * in ms: 0 to 86 400 000.
   * @default 100
   */
  workAfterCancelMs?: number;
  /**
   * A handler that goes on for longer than this is recorded as not settled and no longer watched, in ms: 1 to
   * 86 400 000.
   * @default 60000
   */
  maxWorkAfterCancelMs?: number;
  /**
   * Whether a handler that is at work for a cancelled operation says so while it is, every two seconds, by a span `work goes
   * on`: for the page of `cancel-trace`, whose `run` switches it on. Elsewhere such spans are only in the way.
   * @default false
   */
  announceWork?: boolean;
  /**
   * Whether to follow the promises, timers, sockets and other async resources that the handler of an incoming
   * operation makes, so that a cancel can name those that were pending. Slows down all of the process, since Node
   * then reports every promise: for the hunt of a hang rather than for every day.
   * @default false
   */
  trackAsync?: boolean;
  /**
   * Whether an outgoing operation without a parent that is started while exactly one incoming operation is in flight is
   * the finding `context_lost`. A guess: a heartbeat, a scheduled job and a process that calls itself look the same. For
   * the hunt of a lost context, in a process that does nothing of its own.
   * @default false
   */
  guessLostContext?: boolean;
}

export interface ResolvedPropagateConfig {
  readonly httpDeadline: OutgoingDeadlineHeader | undefined;
  readonly grpcDeadline: boolean;
  readonly marginMs: number;
  readonly cancel: boolean;
  readonly cancelInTransaction: boolean;
}

export interface ResolvedConfig {
  readonly integrations: readonly Integration[];
  readonly status: Readonly<Required<StatusConfig>>;
  /** From HTTP status code to what it means. */
  readonly cancelStatusCodes: Readonly<Record<Side, ReadonlyMap<number, Outcome>>>;
  readonly maxStackFrames: number;
  readonly captureDeadlineStack: boolean;
  readonly capturePendingStack: boolean;
  readonly propagate: ResolvedPropagateConfig;
  readonly workEndsWithRequest: boolean;
  readonly workAfterCancelMs: number;
  readonly maxWorkAfterCancelMs: number;
  readonly announceWork: boolean;
  readonly trackAsync: boolean;
  readonly guessLostContext: boolean;
}

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
