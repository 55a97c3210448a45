/** A real SDK for metrics, of which a test reads what was measured since it last asked. */
import {
  AggregationTemporality,
  type Histogram,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import { PACKAGE_NAME } from '../../src/version.ts';

export interface Measured<Value = unknown> {
  readonly attributes: Record<string, unknown>;
  readonly value: Value;
}

/** What has changed since the last collection, of the metrics of this package, by name. */
export type Collected = ReadonlyMap<string, { readonly unit: string; readonly points: readonly Measured[] }>;

class DeltaReader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
  }
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

export class CollectedMetrics {
  readonly provider: MeterProvider;
  readonly #reader = new DeltaReader();

  constructor() {
    this.provider = new MeterProvider({ readers: [this.#reader] });
  }

  async collect(): Promise<Collected> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors);
    const collected = new Map<string, { unit: string; points: Measured[] }>();
    for (const { scope, metrics } of resourceMetrics.scopeMetrics) {
      if (scope.name !== PACKAGE_NAME) continue;
      for (const { descriptor, dataPoints } of metrics) {
        const points = dataPoints
          .map(({ attributes, value }) => ({ attributes: { ...attributes }, value: value as unknown }))
          // A counter that is read from outside says 0 when nothing was added.
          .filter(({ value }) => value !== 0);
        if (points.length > 0) collected.set(descriptor.name, { unit: descriptor.unit, points });
      }
    }
    return collected;
  }
}

/** One line for each series, such as `outcome=completed side=client system=http 2`; a histogram by its count. */
export function linesOf(collected: Collected, name: string): string[] {
  const points = collected.get(name)?.points ?? [];
  return points
    .map(({ attributes, value }) => {
      const pairs = Object.entries(attributes).map(([key, label]) => `${key}=${label}`);
      const count = typeof value === 'object' ? (value as Histogram).count : value;
      return [...pairs, count].join(' ');
    })
    .sort();
}

export function histogramsOf(collected: Collected, name: string): Measured<Histogram>[] {
  return (collected.get(name)?.points ?? []) as Measured<Histogram>[];
}
