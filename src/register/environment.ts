/** The OTEL_* variables that this entry reads itself; all others are read by the SDK and the exporter. */
import { DiagLogLevel } from '@opentelemetry/api';
import type { CancellationInstrumentationConfig } from '../config.ts';

export type ExporterName = 'otlp' | 'console';

export interface Environment {
  readonly isDisabled: boolean;
  readonly logLevel: DiagLogLevel | undefined;
  readonly exporters: readonly ExporterName[];
  readonly resourceDetectors: readonly DetectorName[];
  readonly instrumentationConfig: CancellationInstrumentationConfig;
}

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
];
const LOG_LEVELS = ['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'VERBOSE', 'ALL'] as const;

type Variables = Readonly<Record<string, string | undefined>>;
type Warn = (message: string) => void;

/** Never throws: a bad value is said in one line that names the variable and what it accepts, and the default holds. */
export function readEnvironment(variables: Variables, warn: Warn): Environment {
  const isDisabled = booleanOf(variables, 'OTEL_SDK_DISABLED', warn);
  if (!isDisabled) {
    checkSampler(variables, warn);
    checkEndpoint(variables, 'OTEL_EXPORTER_OTLP_ENDPOINT', warn);
    checkEndpoint(variables, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', warn);
    checkProtocol(variables, warn);
  }
  return {
    isDisabled,
    logLevel: isDisabled ? undefined : logLevelOf(variables, warn),
    exporters: isDisabled ? [] : exportersOf(variables, warn),
    resourceDetectors: isDisabled ? [] : detectorsOf(variables, warn),
    instrumentationConfig: isDisabled ? {} : instrumentationConfigOf(variables, warn),
  };
}

/** An empty value is an unset one, by the specification of OpenTelemetry's variables. */
function textOf(variables: Variables, name: string): string | undefined {
  const value = variables[name]?.trim();
  return value === '' ? undefined : value;
}

function listOf(variables: Variables, name: string): readonly string[] | undefined {
  return textOf(variables, name)
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function booleanOf(variables: Variables, name: string, warn: Warn): boolean {
  const value = textOf(variables, name)?.toLowerCase();
  if (value !== undefined && value !== 'true' && value !== 'false') {
    warn(`${name} must be true or false, but is "${value}"; taken as false.`);
  }
  return value === 'true';
}

function logLevelOf(variables: Variables, warn: Warn): DiagLogLevel | undefined {
  const value = textOf(variables, 'OTEL_LOG_LEVEL');
  if (value === undefined) return undefined;
  const level = LOG_LEVELS.find((name) => name === value.toUpperCase());
  if (level !== undefined) return DiagLogLevel[level];
  warn(`OTEL_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, but is "${value}"; ignored.`);
  return undefined;
}

function exportersOf(variables: Variables, warn: Warn): readonly ExporterName[] {
  const exporters: ExporterName[] = [];
  for (const name of listOf(variables, 'OTEL_TRACES_EXPORTER') ?? ['otlp']) {
    if (name === 'otlp' || name === 'console') exporters.push(name);
    else if (name !== 'none')
      warn(`OTEL_TRACES_EXPORTER must be otlp, console or none, but is "${name}"; ignored.`);
  }
  return exporters;
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

function checkSampler(variables: Variables, warn: Warn): void {
  const sampler = textOf(variables, 'OTEL_TRACES_SAMPLER');
  if (sampler === undefined) return;
  if (!SAMPLERS.includes(sampler)) {
    warn(
      `OTEL_TRACES_SAMPLER must be one of ${SAMPLERS.join(', ')}, but is "${sampler}"; every trace is sampled.`,
    );
    return;
  }
  if (!sampler.endsWith('traceidratio')) return;
  const ratio = textOf(variables, 'OTEL_TRACES_SAMPLER_ARG');
  if (ratio !== undefined && !(Number(ratio) >= 0 && Number(ratio) <= 1)) {
    warn(`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is "${ratio}"; every trace is sampled.`);
  }
}

function checkEndpoint(variables: Variables, name: string, warn: Warn): void {
  const value = textOf(variables, name);
  if (value === undefined) return;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    warn(
      `${name} must be a URL such as http://localhost:4318, but is "${value}"; nothing can be exported to it.`,
    );
  } else if (url.port === '4317') {
    warn(
      `${name} names port 4317, where OTLP over gRPC is usual; traces are sent by HTTP, usually to port 4318.`,
    );
  }
}

function checkProtocol(variables: Variables, warn: Warn): void {
  const specific = 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL';
  const name = textOf(variables, specific) === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : specific;
  const protocol = textOf(variables, name);
  // Receivers of http/protobuf take http/json on the same port and path.
  if (protocol !== undefined && protocol !== 'http/json' && protocol !== 'http/protobuf') {
    warn(`${name} must be http/json or http/protobuf, but is "${protocol}"; traces are sent as http/json.`);
  }
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
