/**
 * Time limits in request headers: what is on the wire, and what of it can be believed. Pure.
 *
 * Relative forms say how much time is left and need no common clock. The absolute form is believed only
 * where there is no relative one, and only within a day.
 */

/** A header that carries a time limit, with its grammar. */
interface Convention {
  readonly header: string;
  /** Digits, and for gRPC a unit. */
  readonly grammar: RegExp;
  readonly accepted: string;
  /** @returns the time left, in ms */
  readonly toTimeoutMs: (value: string, nowEpochMs: number) => number;
  readonly isAbsolute: boolean;
  /** A specification says how it is written: whoever writes it in another way is wrong. The others are names that many use, each its own way. */
  readonly isSpecified: boolean;
}

/** gRPC over HTTP/2, "Timeout" and "TimeoutUnit". */
const GRPC_UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1 / 1_000,
  n: 1 / 1_000_000,
};

const milliseconds = (header: string, isSpecified = false): Convention => ({
  header,
  grammar: /^\d{1,10}$/,
  accepted: 'whole milliseconds, 1 to 10 digits',
  toTimeoutMs: Number,
  isAbsolute: false,
  isSpecified,
});

const GRPC_TIMEOUT: Convention = {
  header: 'grpc-timeout',
  grammar: /^\d{1,8}[HMSmun]$/,
  accepted: '1 to 8 digits and one of H, M, S, m, u, n',
  toTimeoutMs: (value) => Number(value.slice(0, -1)) * (GRPC_UNIT_MS[value.slice(-1)] ?? Number.NaN),
  isAbsolute: false,
  isSpecified: true,
};

/** In the order in which they are asked; names as Node gives them, in lower case. */
const CONVENTIONS: readonly Convention[] = [
  GRPC_TIMEOUT,
  milliseconds('connect-timeout-ms', true),
  milliseconds('timeout-ms'),
  milliseconds('x-request-timeout'),
  milliseconds('x-envoy-expected-rq-timeout-ms'),
  {
    header: 'x-request-deadline',
    grammar: /^\d{1,16}$/,
    accepted: 'a point in time in milliseconds since 1970, 1 to 16 digits',
    toTimeoutMs: (value, nowEpochMs) => Number(value) - nowEpochMs,
    isAbsolute: true,
    isSpecified: false,
  },
];

/** The headers that are read, in lower case. */
export const DEADLINE_HEADERS: readonly string[] = CONVENTIONS.map(({ header }) => header);
/** Most headers of a request have another length, which costs less to tell than a name. */
const NAMES_BY_LENGTH: readonly (readonly string[])[] = Array.from({ length: 32 }, (_, length) =>
  DEADLINE_HEADERS.filter((header) => header.length === length),
);

/** Node's timers, and those of most others, count no further. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** An absolute time further away than this says that a clock is wrong, not when the caller gives up. */
const MAX_ABSOLUTE_MS = 86_400_000;
const MAX_SHOWN = 64;

export interface MalformedLimit {
  /** In lower case. */
  readonly header: string;
  /** At most 64 characters. */
  readonly value: string;
  /** Why it is not believed. */
  readonly problem: string;
  /** What would be. */
  readonly accepted: string;
  /** It breaks the grammar that its specification has. Otherwise it may mean something to whoever it is for. */
  readonly isFault: boolean;
}

export interface ReadLimit {
  /** The header that decides, in lower case; undefined when none says anything that can be believed. */
  readonly header: string | undefined;
  /** Time left, in ms; may be negative for an absolute limit. */
  readonly timeoutMs: number;
  /** How far the caller's clock is ahead of ours, in ms, when a relative and an absolute limit came together. */
  readonly clockSkewMs: number | undefined;
  readonly malformed: readonly MalformedLimit[];
}

/** Names in lower case; doubled ones are joined, or in an array. Values of what is sent may be numbers. */
export type Headers = Readonly<Record<string, unknown>>;

/** @param headers names and values in turn, in any spelling. @returns undefined when none of them carries a limit */
export function deadlineHeadersIn(headers: readonly unknown[]): Headers | undefined {
  let found: Record<string, unknown[]> | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const text = headers[index];
    if (typeof text !== 'string') continue;
    const names = NAMES_BY_LENGTH[text.length];
    if (names === undefined || names.length === 0) continue;
    const name = text.toLowerCase();
    if (!names.includes(name)) continue;
    found ??= {};
    found[name] = [...(found[name] ?? []), headers[index + 1]].flat();
  }
  return found;
}

/**
 * @param nowEpochMs ms since 1970
 * @returns undefined when no such header is there
 */
export function readDeadlineHeaders(headers: Headers, nowEpochMs: number): ReadLimit | undefined {
  let relative: { header: string; timeoutMs: number } | undefined;
  let absolute: { header: string; timeoutMs: number } | undefined;
  let malformed: MalformedLimit[] | undefined;
  for (const convention of CONVENTIONS) {
    const value = headers[convention.header];
    if (value === undefined || value === null) continue;
    const text = textIn(value);
    if (text === undefined) continue;
    const timeoutMs = convention.toTimeoutMs(text, nowEpochMs);
    const problem = problemOf(convention, text, timeoutMs);
    if (problem !== undefined) {
      malformed ??= [];
      malformed.push(malformedBy(convention, text, problem));
    } else if (convention.isAbsolute) {
      absolute = { header: convention.header, timeoutMs };
    } else if (relative === undefined || timeoutMs < relative.timeoutMs) {
      relative = { header: convention.header, timeoutMs };
    }
  }
  const limit = relative ?? absolute;
  if (limit === undefined && malformed === undefined) return undefined;
  return {
    header: limit?.header,
    timeoutMs: limit?.timeoutMs ?? Number.POSITIVE_INFINITY,
    clockSkewMs: relative && absolute ? absolute.timeoutMs - relative.timeoutMs : undefined,
    malformed: malformed ?? [],
  };
}

/** @returns undefined for what throws when it is to be text, as of what is about to be sent */
function textIn(value: unknown): string | undefined {
  try {
    return Array.isArray(value) ? value.join(', ') : String(value);
  } catch {
    return undefined;
  }
}

/** @returns undefined when the value of grpc-timeout can be believed */
export function malformedGrpcTimeout(value: string): MalformedLimit | undefined {
  const problem = problemOf(GRPC_TIMEOUT, value, GRPC_TIMEOUT.toTimeoutMs(value, 0));
  return problem === undefined ? undefined : malformedBy(GRPC_TIMEOUT, value, problem);
}

/** As the finding says it. */
export function describeMalformed({ header, value, problem, accepted }: MalformedLimit): string {
  return `${header}: "${value}" ${problem}; accepted: ${accepted}`;
}

function malformedBy(convention: Convention, text: string, problem: string): MalformedLimit {
  const { header, accepted, grammar, isSpecified } = convention;
  const isFault = isSpecified && !grammar.test(text);
  return { header, value: shown(text), problem, accepted, isFault };
}

function problemOf(convention: Convention, text: string, timeoutMs: number): string | undefined {
  if (text.includes(',')) return 'sent more than once';
  if (!convention.grammar.test(text)) return 'breaks its grammar';
  if (convention.isAbsolute) {
    return Math.abs(timeoutMs) > MAX_ABSOLUTE_MS ? 'more than a day away' : undefined;
  }
  return timeoutMs > MAX_TIMEOUT_MS ? 'longer than timers can count' : undefined;
}

function shown(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}

/** Headers that an outgoing request can say its limit in. */
export const OUTGOING_DEADLINE_HEADERS = [
  'X-Request-Deadline',
  'Timeout-Ms',
  'X-Request-Timeout',
  'Connect-Timeout-Ms',
  'grpc-timeout',
] as const;

export type OutgoingDeadlineHeader = (typeof OUTGOING_DEADLINE_HEADERS)[number];

/** @param timeoutMs time left, at least 0; rounded down, so that nobody gets more time than there is */
export function formatDeadlineHeader(
  header: OutgoingDeadlineHeader,
  timeoutMs: number,
  nowEpochMs: number,
): string {
  const leftMs = Math.max(0, Math.floor(timeoutMs));
  switch (header) {
    case 'X-Request-Deadline':
      return String(Math.floor(nowEpochMs) + leftMs);
    case 'grpc-timeout':
      return grpcTimeout(leftMs);
    default:
      return String(leftMs);
  }
}

/** At most 8 digits: beyond 27 hours the unit grows. */
function grpcTimeout(timeoutMs: number): string {
  if (timeoutMs < 1e8) return `${timeoutMs}m`;
  return `${Math.min(Math.floor(timeoutMs / 1_000), 99_999_999)}S`;
}
