/** One line at OTEL_LOG_LEVEL=info: what is instrumented, who makes the spans, where they go to, and beside whom. */
import { createRequire } from 'node:module';
import { diag } from '@opentelemetry/api';
import { providerName } from '../global-api.ts';
import type { CancellationInstrumentation } from '../instrumentation.ts';
import type { RegisterReport } from '../self-report.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../version.ts';
import type { Environment } from './environment.ts';
import { shownUrl } from './otlp-checks.ts';
import type { StartedSdk } from './sdk.ts';

/** An application has set up by then what it sets up at its start. */
const AFTER_MS = 1_000;

/** At the latest when the process ends. */
export function announce(...parts: Parameters<typeof reportOf>): void {
  const tell = (): void => {
    clearTimeout(timer);
    process.removeListener('exit', tell);
    diag.info(`${PACKAGE_NAME}: ${reportOf(...parts).announcement}`);
  };
  const timer = setTimeout(tell, AFTER_MS).unref();
  process.on('exit', tell);
}

/** As it is now. */
export function reportOf(
  { instruments }: CancellationInstrumentation,
  environment: Environment,
  sdk: StartedSdk | undefined,
): RegisterReport {
  const official = officialInstrumentations(sdk);
  const beside = official.length === 0 ? '' : `, beside ${official.join(', ')}`;
  const to = whereTo(environment, sdk);
  return {
    version: PACKAGE_VERSION,
    integrations: instruments,
    beside: official,
    to,
    announcement: `${PACKAGE_VERSION} instruments ${instruments.join(', ') || 'nothing'}${beside}; ${spansGo(to)}`,
  };
}

/** Undefined: another SDK makes the spans. */
function whereTo({ exporters, endpoints }: Environment, sdk: StartedSdk | undefined): string[] | undefined {
  if (sdk === undefined || sdk.hasGivenWay()) return undefined;
  return exporters.map((name) => (name === 'otlp' ? shownUrl(endpoints.traces) : 'the console'));
}

function spansGo(to: readonly string[] | undefined): string {
  if (to === undefined) {
    return `spans are made and exported by the SDK that the application has set up (${providerName()})`;
  }
  return `spans are made by the SDK of register and go to ${to.join(' and ') || 'nowhere (OTEL_TRACES_EXPORTER)'}`;
}

const OFFICIAL = /(@opentelemetry[\\/]instrumentation-(?:http|grpc|undici))(?:[\\/]|$)/;

/** Those whose spans are tagged, as far as they show: by a CommonJS file that is loaded, or by a tracer of our SDK. */
function officialInstrumentations(sdk: StartedSdk | undefined): readonly string[] {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  const names = [...loaded, ...(sdk?.tracerNames() ?? [])].flatMap((name) => OFFICIAL.exec(name)?.[1] ?? []);
  return [...new Set(names.map((name) => name.replace('\\', '/')))].sort();
}
