/** The API's meters, whose measurements are made metrics of in the thread that exports. */
import {
  type Attributes,
  type BatchObservableCallback,
  type Counter,
  diag,
  type Gauge,
  type Histogram,
  type Meter,
  type MeterOptions,
  type MeterProvider,
  type MetricOptions,
  type Observable,
  type ObservableCallback,
  type UpDownCounter,
} from '@opentelemetry/api';
import type { InstrumentKind, Measurements, Scope } from './measurements.ts';

export class ThreadMeterProvider implements MeterProvider {
  readonly #measurements: Measurements;

  constructor(measurements: Measurements) {
    this.#measurements = measurements;
  }

  getMeter(name: string, version?: string, options?: MeterOptions): Meter {
    return new ThreadMeter({ name, version, schemaUrl: options?.schemaUrl }, this.#measurements);
  }
}

class ThreadObservable implements Observable {
  readonly id: number;
  readonly #measurements: Measurements;
  readonly #stops = new Map<ObservableCallback, () => void>();

  constructor(id: number, measurements: Measurements) {
    this.id = id;
    this.#measurements = measurements;
  }

  addCallback(callback: ObservableCallback): void {
    if (this.#stops.has(callback)) return;
    const stop = this.#measurements.observe((tell) =>
      callback({ observe: (value, attributes) => tell(this.id, value, attributes) }),
    );
    this.#stops.set(callback, stop);
  }

  removeCallback(callback: ObservableCallback): void {
    this.#stops.get(callback)?.();
    this.#stops.delete(callback);
  }
}

interface Batch {
  readonly callback: BatchObservableCallback;
  readonly observables: ReadonlySet<Observable>;
  readonly stop: () => void;
}

class ThreadMeter implements Meter {
  readonly #scope: Scope;
  readonly #measurements: Measurements;
  readonly #batches: Batch[] = [];

  constructor(scope: Scope, measurements: Measurements) {
    this.#scope = scope;
    this.#measurements = measurements;
  }

  createCounter(name: string, options?: MetricOptions): Counter {
    return { add: this.#measure('Counter', name, options) };
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    return { add: this.#measure('UpDownCounter', name, options) };
  }

  createGauge(name: string, options?: MetricOptions): Gauge {
    return { record: this.#measure('Gauge', name, options) };
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    const measure = this.#measure('Histogram', name, options);
    const record: typeof measure = (value, attributes) => {
      if (value < 0) diag.warn(`negative value provided to histogram ${name}: ${value}`);
      else measure(value, attributes);
    };
    // Below that check, as the SDK's own have it: see recordSigned().
    return Object.assign({ record }, { _record: measure });
  }

  createObservableCounter(name: string, options?: MetricOptions): Observable {
    return this.#observable('ObservableCounter', name, options);
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): Observable {
    return this.#observable('ObservableUpDownCounter', name, options);
  }

  createObservableGauge(name: string, options?: MetricOptions): Observable {
    return this.#observable('ObservableGauge', name, options);
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    if (this.#batchOf(callback, observables) !== undefined) return;
    const known = new Set(observables);
    const stop = this.#measurements.observe((tell) =>
      callback({
        observe(observable, value, attributes) {
          if (known.has(observable) && observable instanceof ThreadObservable) {
            tell(observable.id, value, attributes);
          }
        },
      }),
    );
    this.#batches.push({ callback, observables: known, stop });
  }

  removeBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    const batch = this.#batchOf(callback, observables);
    if (batch === undefined) return;
    batch.stop();
    this.#batches.splice(this.#batches.indexOf(batch), 1);
  }

  #batchOf(callback: BatchObservableCallback, observables: readonly Observable[]): Batch | undefined {
    const wanted = new Set(observables);
    return this.#batches.find(
      (batch) =>
        batch.callback === callback &&
        batch.observables.size === wanted.size &&
        observables.every((observable) => batch.observables.has(observable)),
    );
  }

  #measure(
    kind: InstrumentKind,
    name: string,
    options: MetricOptions | undefined,
  ): (value: number, attributes?: Attributes) => void {
    const measurements = this.#measurements;
    const id = measurements.define(kind, this.#scope, name, options);
    return (value, attributes) => measurements.add(id, value, attributes);
  }

  #observable(kind: InstrumentKind, name: string, options: MetricOptions | undefined): ThreadObservable {
    return new ThreadObservable(
      this.#measurements.define(kind, this.#scope, name, options),
      this.#measurements,
    );
  }
}
