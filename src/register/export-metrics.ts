/** In the thread that exports: makes metrics of measurements, by the SDK, and exports them. */
import type { Attributes, Counter, Histogram, Observable } from '@opentelemetry/api';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { recordSigned } from '../signed-histogram.ts';
import type { ExporterName } from './environment.ts';
import {
  ConsoleMetricExporter,
  defaultResource,
  MeterProvider,
  MetricReader,
  OTLPMetricExporter,
  resourceFromAttributes,
} from './exporter-packages.ts';
import type { InstrumentDefinition, Measured, Measurement } from './measurements.ts';

export interface MetricsSetUp {
  readonly exporters: readonly ExporterName[];
  /** Of one export, in ms. */
  readonly timeoutMs: number;
  /** Attributes of the resource. */
  readonly resource: Attributes;
}

type Add = (measurement: Measurement) => void;

interface Target {
  readonly name: ExporterName;
  readonly reader: MetricReader;
  readonly exporter: PushMetricExporter;
}

/** What is collected is exported here, not by the reader. */
class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

export class MetricsExport {
  readonly #provider: MeterProvider;
  readonly #targets: readonly Target[];
  readonly #timeoutMs: number;
  readonly #url: string;
  readonly #adds = new Map<number, Add>();
  #observed: Measured['observed'] = new Map();
  #isExporting = false;

  /** @param url of the receiver of OTLP */
  constructor({ exporters, timeoutMs, resource }: MetricsSetUp, url: string) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#targets = exporters.map((name) => {
      const exporter = name === 'otlp' ? createOtlpExporter({ url }) : new ConsoleMetricExporter();
      const reader = new Reader({
        aggregationTemporalitySelector: (type) => exporter.selectAggregationTemporality(type),
      });
      return { name, exporter, reader };
    });
    this.#provider = new MeterProvider({
      resource: defaultResource().merge(resourceFromAttributes(resource)),
      readers: this.#targets.map(({ reader }) => reader),
    });
  }

  receive({ instruments, values, observed }: Measured): void {
    for (const instrument of instruments) this.#create(instrument);
    for (const value of values) this.#adds.get(value.id)?.(value);
    this.#observed = observed;
  }

  /**
   * @param lastMs the process waits for so long
   * @returns what went wrong, if anything did; 'skipped' while the last one is not over
   */
  async exportAll(lastMs?: number): Promise<Error | 'skipped' | undefined> {
    // A slow collector gets what it misses by the next export.
    if (this.#isExporting && lastMs === undefined) return 'skipped';
    this.#isExporting = true;
    const errors = await Promise.all(
      this.#targets.map(async ({ name, reader, exporter }) => {
        // As of spans: too short for retries.
        const to =
          name === 'otlp' && lastMs !== undefined
            ? createOtlpExporter({ url: this.#url, timeoutMillis: lastMs })
            : exporter;
        return await within(exportFrom(reader, to), lastMs ?? this.#timeoutMs);
      }),
    );
    this.#isExporting = false;
    return errors.find((error) => error !== undefined);
  }

  #create({ id, kind, scope, name, options }: InstrumentDefinition): void {
    const { schemaUrl } = scope;
    const meter = this.#provider.getMeter(
      scope.name,
      scope.version,
      schemaUrl === undefined ? {} : { schemaUrl },
    );
    const instrument: unknown = meter[`create${kind}`](name, options);
    if (kind.startsWith('Observable')) this.#tellObserved(id, instrument as Observable);
    else this.#adds.set(id, addTo(instrument as Counter | Histogram));
  }

  #tellObserved(id: number, observable: Observable): void {
    observable.addCallback((result) => {
      for (const measurements of this.#observed.values()) {
        for (const measurement of measurements) {
          if (measurement.id === id) result.observe(measurement.value, measurement.attributes);
        }
      }
    });
  }
}

/** Of gauges and histograms alike: the main thread has refused what is to be refused. */
function addTo(instrument: Counter | Histogram): Add {
  return 'add' in instrument
    ? ({ value, attributes }) => instrument.add(value, attributes)
    : ({ value, attributes }) => recordSigned(instrument, value, attributes);
}

function createOtlpExporter(options: { url: string; timeoutMillis?: number }): PushMetricExporter & {
  selectAggregationTemporality: NonNullable<PushMetricExporter['selectAggregationTemporality']>;
} {
  return new OTLPMetricExporter(options);
}

async function exportFrom(reader: MetricReader, exporter: PushMetricExporter): Promise<Error | undefined> {
  const { resourceMetrics } = await reader.collect();
  return await new Promise((resolve) => {
    exporter.export(resourceMetrics, ({ code, error }) =>
      resolve(code === 0 ? undefined : (error ?? new Error('for an unknown reason'))),
    );
  });
}

async function within(exported: Promise<Error | undefined>, limitMs: number): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([exported, late]);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}
