/** The OTEL_* variables that this entry reads itself; all others are read by the SDK and the exporter. */
import { DiagLogLevel } from '@opentelemetry/api';
import type { CancellationInstrumentationConfig } from '../config.ts';
import { checkEndpoint, checkProtocol, endpointOf } from './otlp-checks.ts';
import {
  booleanOf,
  countOf,
  listOf,
  millisecondsOf,
  textOf,
  type Variables,
  type Warn,
} from './variables.ts';

export type ExporterName = 'otlp' | 'console';

/** Where OTLP goes to, whole URLs. */
export interface Endpoints {
  readonly traces: string;
  readonly metrics: string;
}

export interface Environment {
  readonly isDisabled: boolean;
  readonly logLevel: DiagLogLevel | undefined;
  readonly endpoints: Endpoints;
  readonly exporters: readonly ExporterName[];
  readonly batches: BatchEnvironment;
  readonly metrics: MetricsEnvironment;
  readonly propagators: readonly PropagatorName[];
  readonly sampler: SamplerEnvironment;
  /** Whether cancelled operations that are not sampled are exported all the same. */
  readonly keepsCancelled: boolean;
  readonly resourceDetectors: readonly DetectorName[];
  readonly instrumentationConfig: CancellationInstrumentationConfig;
}

/** How spans are exported. */
export interface BatchEnvironment {
  /** Spans of one export, at most. */
  readonly size: number;
  /** How long a span waits for others, at most. */
  readonly delayMs: number;
  /** Spans that wait for others or for room, at most; as many more may be under way. Not less than `size`. */
  readonly maxUnsent: number;
}

export interface MetricsEnvironment {
  /** None unless asked for: where only traces are received, every export would fail. */
  readonly exporters: readonly ExporterName[];
  readonly intervalMs: number;
  /** Of one export. */
  readonly timeoutMs: number;
}

export interface SamplerEnvironment {
  readonly name: SamplerName;
  /** From 0 to 1, of those that take one. */
  readonly ratio: number;
}

export type SamplerName = (typeof SAMPLERS)[number];
export type PropagatorName = (typeof PROPAGATORS)[number];
const PROPAGATORS = ['tracecontext', 'baggage'] as const;

export type DetectorName = (typeof DETECTORS)[number];
/** In the order in which they are merged: what a user says in variables comes last and wins. */
const DETECTORS = ['host', 'os', 'process', 'serviceinstance', 'env'] as const;

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
/** What the specification says for a sampler that is not named, or not known. */
const DEFAULT_SAMPLER = { name: 'parentbased_always_on', ratio: 1 } as const;
const LOG_LEVELS = ['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'VERBOSE', 'ALL'] as const;

/** Never throws: a bad value is said in one line that names the variable and what it accepts, and the default holds. */
export function readEnvironment(variables: Variables, warn: Warn): Environment {
  const isDisabled = booleanOf(variables, 'OTEL_SDK_DISABLED', warn);
  if (isDisabled) return DISABLED;
  checkEndpoint(variables, 'OTEL_EXPORTER_OTLP_ENDPOINT', warn);
  checkEndpoint(variables, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', warn);
  checkProtocol(variables, 'TRACES', warn);
  const sampler = samplerOf(variables, warn);
  return {
    isDisabled,
    logLevel: logLevelOf(variables, warn),
    endpoints: { traces: endpointOf(variables, 'TRACES'), metrics: endpointOf(variables, 'METRICS') },
    exporters: exportersOf(variables, 'OTEL_TRACES_EXPORTER', ['otlp'], warn),
    batches: batchesOf(variables, warn),
    metrics: metricsOf(variables, warn),
    propagators: propagatorsOf(variables, warn),
    sampler,
    keepsCancelled: booleanOf(variables, 'OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED', warn),
    resourceDetectors: detectorsOf(variables, warn),
    instrumentationConfig: instrumentationConfigOf(variables, warn),
  };
}

const NO_METRICS: MetricsEnvironment = { exporters: [], intervalMs: 60_000, timeoutMs: 30_000 };

/** What the specification says of the batch processor. */
const BATCHES: BatchEnvironment = { size: 512, delayMs: 5_000, maxUnsent: 2_048 };

const DISABLED: Environment = {
  isDisabled: true,
  logLevel: undefined,
  endpoints: { traces: '', metrics: '' },
  exporters: [],
  batches: BATCHES,
  metrics: NO_METRICS,
  propagators: PROPAGATORS,
  sampler: DEFAULT_SAMPLER,
  keepsCancelled: false,
  resourceDetectors: [],
  instrumentationConfig: {},
};

function logLevelOf(variables: Variables, warn: Warn): DiagLogLevel | undefined {
  const value = textOf(variables, 'OTEL_LOG_LEVEL');
  if (value === undefined) return undefined;
  const level = LOG_LEVELS.find((name) => name === value.toUpperCase());
  if (level !== undefined) return DiagLogLevel[level];
  warn(`OTEL_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, but is "${value}"; ignored.`);
  return undefined;
}

function exportersOf(
  variables: Variables,
  variable: string,
  fallback: readonly string[],
  warn: Warn,
): readonly ExporterName[] {
  const exporters: ExporterName[] = [];
  for (const name of listOf(variables, variable) ?? fallback) {
    if (name === 'otlp' || name === 'console') exporters.push(name);
    else if (name !== 'none') warn(`${variable} must be otlp, console or none, but is "${name}"; ignored.`);
  }
  return exporters;
}

function batchesOf(variables: Variables, warn: Warn): BatchEnvironment {
  const size = countOf(variables, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', BATCHES.size, warn);
  const maxUnsent = countOf(variables, 'OTEL_BSP_MAX_QUEUE_SIZE', BATCHES.maxUnsent, warn);
  const delayMs = millisecondsOf(variables, 'OTEL_BSP_SCHEDULE_DELAY', BATCHES.delayMs, warn, 0);
  return { size: Math.min(size, maxUnsent), delayMs, maxUnsent };
}

function metricsOf(variables: Variables, warn: Warn): MetricsEnvironment {
  const exporters = exportersOf(variables, 'OTEL_METRICS_EXPORTER', [], warn);
  if (exporters.length === 0) return NO_METRICS;
  if (exporters.includes('otlp')) {
    checkEndpoint(variables, 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', warn);
    checkProtocol(variables, 'METRICS', warn);
  }
  const { intervalMs, timeoutMs } = NO_METRICS;
  return {
    exporters,
    intervalMs: millisecondsOf(variables, 'OTEL_METRIC_EXPORT_INTERVAL', intervalMs, warn),
    timeoutMs: millisecondsOf(variables, 'OTEL_METRIC_EXPORT_TIMEOUT', timeoutMs, warn),
  };
}

function propagatorsOf(variables: Variables, warn: Warn): readonly PropagatorName[] {
  const variable = 'OTEL_PROPAGATORS';
  const names = listOf(variables, variable);
  if (names === undefined) return PROPAGATORS;
  const unknown = names.filter((name) => name !== 'none' && !PROPAGATORS.some((known) => known === name));
  if (unknown.length > 0) {
    warn(
      `${variable} must be none, or some of ${PROPAGATORS.join(', ')}, but has "${unknown.join(', ')}"; ignored.`,
    );
  }
  // With nothing that is known the default holds: nobody asked for none.
  if (unknown.length === names.length && names.length > 0) return PROPAGATORS;
  return PROPAGATORS.filter((name) => names.includes(name));
}

function detectorsOf(variables: Variables, warn: Warn): readonly DetectorName[] {
  const wanted = new Set<string>();
  for (const name of listOf(variables, 'OTEL_NODE_RESOURCE_DETECTORS') ?? ['all']) {
    if (name === 'all') for (const detector of DETECTORS) wanted.add(detector);
    else if (DETECTORS.some((detector) => detector === name)) wanted.add(name);
    else if (name !== 'none') {
      warn(
        `OTEL_NODE_RESOURCE_DETECTORS must be all, none, or some of ${DETECTORS.join(', ')}, but has "${name}"; ignored.`,
      );
    }
  }
  return DETECTORS.filter((detector) => wanted.has(detector));
}

function samplerOf(variables: Variables, warn: Warn): SamplerEnvironment {
  const text = textOf(variables, 'OTEL_TRACES_SAMPLER');
  if (text === undefined) return DEFAULT_SAMPLER;
  const name = SAMPLERS.find((known) => known === text);
  if (name === undefined) {
    warn(
      `OTEL_TRACES_SAMPLER must be one of ${SAMPLERS.join(', ')}, but is "${text}"; every trace is sampled.`,
    );
    return DEFAULT_SAMPLER;
  }
  const ratio = textOf(variables, 'OTEL_TRACES_SAMPLER_ARG');
  if (!name.endsWith('traceidratio') || ratio === undefined) return { name, ratio: 1 };
  if (Number(ratio) >= 0 && Number(ratio) <= 1) return { name, ratio: Number(ratio) };
  warn(`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is "${ratio}"; every trace is sampled.`);
  return { name, ratio: 1 };
}

function instrumentationConfigOf(variables: Variables, warn: Warn): CancellationInstrumentationConfig {
  const name = 'OTEL_INSTRUMENTATION_CANCELLATION_CONFIG';
  const value = textOf(variables, name);
  if (value === undefined) return {};
  try {
    return JSON.parse(value) as CancellationInstrumentationConfig;
  } catch (error) {
    warn(
      `${name} must be a JSON object such as {"maxStackFrames":60}: ${(error as Error).message}; ignored.`,
    );
    return {};
  }
}
