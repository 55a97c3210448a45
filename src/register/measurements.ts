/**
 * What was measured and not yet handed to the thread that exports, which does all the rest: a process that ends
 * can hand over what it has, while the SDK could only collect it asynchronously, and then nothing asynchronous runs.
 */
import { type Attributes, type AttributeValue, diag, type MetricOptions } from '@opentelemetry/api';
import { PACKAGE_NAME } from '../version.ts';

/** As many are handed over before it is time to export: they must not pile up. */
const MAX_WAITING = 10_000;

export interface Scope {
  readonly name: string;
  readonly version: string | undefined;
  readonly schemaUrl: string | undefined;
}

/** What a meter creates: by the method `create…` of this name. */
export type InstrumentKind =
  | 'Counter'
  | 'UpDownCounter'
  | 'Histogram'
  | 'Gauge'
  | 'ObservableCounter'
  | 'ObservableUpDownCounter'
  | 'ObservableGauge';

export interface InstrumentDefinition {
  readonly id: number;
  readonly kind: InstrumentKind;
  readonly scope: Scope;
  readonly name: string;
  readonly options: MetricOptions;
}

/** A value of the instrument with this id. */
export interface Measurement {
  readonly id: number;
  readonly value: number;
  readonly attributes: Attributes;
}

export interface Measured {
  /** New ones. */
  readonly instruments: readonly InstrumentDefinition[];
  /** Of synchronous instruments, in their order. */
  readonly values: readonly Measurement[];
  /** Of observable ones, as they are now, by callback. */
  readonly observed: ReadonlyMap<number, readonly Measurement[]>;
}

type Observe = (tell: (id: number, value: number, attributes: Attributes | undefined) => void) => unknown;

export class Measurements {
  readonly #handOver: (measured: Measured) => void;
  readonly #callbacks = new Map<number, Observe>();
  readonly #observed = new Map<number, readonly Measurement[]>();
  #instruments: InstrumentDefinition[] = [];
  #values: Measurement[] = [];
  #isUsed = false;
  #lastId = 0;

  /** @param handOver called when there are too many to wait for the next take() */
  constructor(handOver: (measured: Measured) => void) {
    this.#handOver = handOver;
  }

  /** @returns the id of the instrument */
  define(kind: InstrumentKind, scope: Scope, name: string, options: MetricOptions = {}): number {
    const id = ++this.#lastId;
    this.#instruments.push({ id, kind, scope, name, options });
    return id;
  }

  add(id: number, value: number, attributes: Attributes | undefined): void {
    this.#isUsed = true;
    this.#values.push({ id, value, attributes: plain(attributes) });
    if (this.#values.length >= MAX_WAITING) this.#handOver(this.#takeValues());
  }

  /** @returns what stops it */
  observe(callback: Observe): () => void {
    const id = ++this.#lastId;
    this.#callbacks.set(id, callback);
    return () => {
      this.#callbacks.delete(id);
      this.#observed.set(id, []);
    };
  }

  /** Undefined when nothing was ever measured. */
  take(): Measured | undefined {
    for (const [id, callback] of this.#callbacks) this.#call(id, callback);
    return this.#isUsed ? this.#takeValues() : undefined;
  }

  #takeValues(): Measured {
    const measured = { instruments: this.#instruments, values: this.#values, observed: this.#observed };
    this.#instruments = [];
    this.#values = [];
    return measured;
  }

  #call(callbackId: number, callback: Observe): void {
    const observed: Measurement[] = [];
    const keep = (): void => {
      if (!this.#callbacks.has(callbackId)) return;
      this.#observed.set(callbackId, observed);
      if (observed.length > 0) this.#isUsed = true;
    };
    const fault = (error: unknown): void => {
      diag.error(`${PACKAGE_NAME}: a callback of a metric failed`, error);
    };
    try {
      const result = callback((id, value, attributes) => {
        observed.push({ id, value, attributes: plain(attributes) });
      });
      // What it tells later is in time for the next export.
      if (result instanceof Promise) result.then(keep, fault);
      else keep();
    } catch (error) {
      fault(error);
    }
  }
}

/** A copy, as of now, of what can be passed to a thread. */
function plain(attributes: Attributes = {}): Attributes {
  const copy: Attributes = {};
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (Array.isArray(value)) copy[key] = value.slice() as AttributeValue;
    else if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') {
      copy[key] = value;
    }
  }
  return copy;
}
