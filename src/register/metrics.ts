/** Metrics for whoever asked for them: a global MeterProvider, and an export at regular times. */
import { type Attributes, createNoopMeter, metrics } from '@opentelemetry/api';
import { PACKAGE_NAME } from '../version.ts';
import type { MetricsEnvironment } from './environment.ts';
import type { ExportThread, MetricsToExport } from './export-thread.ts';
import { type Measured, Measurements } from './measurements.ts';
import { ThreadMeterProvider } from './thread-meter.ts';

interface Resource {
  readonly attributes: Attributes;
}

/** @returns what gives what is to be exported at the end of the process; undefined when there are no metrics of ours */
export function startMetrics(
  { exporters, intervalMs, timeoutMs }: MetricsEnvironment,
  thread: ExportThread,
  resource: Resource,
): (() => MetricsToExport | undefined) | undefined {
  if (exporters.length === 0 || hasMeterProvider()) return undefined;
  const toExport = (measured: Measured): MetricsToExport => {
    return { setUp: { exporters, timeoutMs, resource: resource.attributes }, measured };
  };
  const measurements = new Measurements((measured) => thread.sendMetrics(toExport(measured), false));
  metrics.setGlobalMeterProvider(new ThreadMeterProvider(measurements));
  const take = (): MetricsToExport | undefined => {
    const measured = measurements.take();
    return measured && toExport(measured);
  };
  setInterval(() => {
    const taken = take();
    if (taken !== undefined) thread.sendMetrics(taken, true);
  }, intervalMs).unref();
  return take;
}

/** True when somebody has set a global one already. */
function hasMeterProvider(): boolean {
  return metrics.getMeter(PACKAGE_NAME) !== createNoopMeter();
}
