/** From operations to metrics, whether or not their spans are sampled, and whoever made those. */
import {
  type Attributes,
  type Counter,
  createNoopMeter,
  type Histogram,
  type Meter,
  type ObservableCallback,
  type ObservableCounter,
  type UpDownCounter,
  ValueType,
} from '@opentelemetry/api';
import { ATTR_HTTP_ROUTE } from '@opentelemetry/semantic-conventions';
import type { Settlement } from '../operation/description.ts';
import type { FindingRule } from '../operation/finding.ts';
import type { Side } from '../operation/operation.ts';
import { recordSigned } from '../signed-histogram.ts';
import {
  ATTR_OUTCOME,
  ATTR_RULE,
  ATTR_SHUTDOWN_RESULT,
  ATTR_SHUTDOWN_TRIGGER,
  ATTR_SIDE,
  ATTR_SPENT_ON,
  ATTR_SYSTEM,
  METRIC_DEADLINE_DEVIATION,
  METRIC_FINDINGS,
  METRIC_OPERATIONS,
  METRIC_SHUTDOWN_DURATION,
  METRIC_SHUTDOWN_OPERATIONS,
  METRIC_WASTED,
  METRIC_WORK_AFTER_CANCEL,
  METRIC_WORK_AFTER_CANCEL_ACTIVE,
} from './attributes.ts';
import type { LateWork } from './late-work.ts';
import { createMetricLabels, writeLabels } from './metric-labels.ts';
import { type MetricOutcome, OperationCounts } from './operation-counts.ts';
import type { OperationRecord } from './operation-record.ts';
import type { ShutdownResult, ShutdownTrigger } from './shutdown.ts';

/** In ms, fine around the deadline itself: a timer or a round trip late is another matter than a second. */
const DEVIATION_BUCKETS = [
  -60_000, -10_000, -5_000, -1_000, -500, -100, -50, -10, -5, -1, 0, 1, 2, 5, 10, 20, 50, 100, 250, 500,
  1_000, 5_000, 10_000, 60_000,
];
/** In ms: from what still counts as "stopped when told" (20) to where work is given up as never settling (60 000). */
const WORK_BUCKETS = [20, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];
/** In ms: from none to the five minutes that some platforms wait before they kill. */
const SHUTDOWN_BUCKETS = [10, 100, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000];

interface Instruments {
  readonly operations: ObservableCounter;
  readonly deviation: Histogram;
  readonly work: Histogram;
  readonly activeWork: UpDownCounter;
  readonly wasted: Counter;
  readonly findings: Counter;
  readonly shutdown: Histogram;
  readonly shutdownOperations: Counter;
}

export class Metrics {
  /** Undefined when nobody collects: then there is nothing to do. */
  #instruments: Instruments | undefined;
  readonly #labels = createMetricLabels();
  readonly #counts = new OperationCounts(this.#labels);
  readonly #tellCounts: ObservableCallback = (result) => this.#counts.tell(result);

  get isOn(): boolean {
    return this.#instruments !== undefined;
  }

  /** From now on; what has been counted so far stays counted. */
  use(meter: Meter): void {
    this.#instruments?.operations.removeCallback(this.#tellCounts);
    // What the API gives out until somebody has set a MeterProvider.
    this.#instruments = meter === createNoopMeter() ? undefined : createInstruments(meter);
    this.#instruments?.operations.addCallback(this.#tellCounts);
  }

  ended(operation: OperationRecord, settlement: Settlement | undefined): void {
    const instruments = this.#instruments;
    if (instruments === undefined) return;
    const { side, system, cancellation, deadline } = operation;
    const route = settlement?.attributes?.[ATTR_HTTP_ROUTE];
    if (typeof route === 'string') operation.route = route;
    const outcome: MetricOutcome =
      cancellation?.outcome ?? (settlement?.isError === true ? 'failed' : 'completed');
    this.#counts.add(operation, outcome);
    if (deadline === undefined) return;
    recordSigned(instruments.deviation, performance.now() - deadline.atMs, {
      [ATTR_SIDE]: side,
      [ATTR_SYSTEM]: system,
      [ATTR_OUTCOME]: outcome,
    });
  }

  /** @param of an operation, or a span of others that has a system of its own */
  finding({ side, system }: { readonly side: Side; readonly system: string }, rule: FindingRule): void {
    this.#instruments?.findings.add(1, { [ATTR_RULE]: rule, [ATTR_SYSTEM]: system, [ATTR_SIDE]: side });
  }

  /** @param change 1 when a handler is seen to go on after the cancel, -1 when it does so no more */
  activeWork({ system }: OperationRecord, change: 1 | -1): void {
    this.#instruments?.activeWork.add(change, { [ATTR_SYSTEM]: system });
  }

  workAfterCancel({ operation, spent }: LateWork, wastedMs: number): void {
    if (this.#instruments === undefined) return;
    const { system } = operation;
    const attributes: Attributes = { [ATTR_SYSTEM]: system };
    writeLabels(attributes, system, this.#labels.methodOf(operation), this.#labels.routeOf(operation));
    this.#instruments.work.record(wastedMs, attributes);
    for (const [on, spentMs] of spent.totals())
      this.#instruments.wasted.add(spentMs, { ...attributes, [ATTR_SPENT_ON]: on });
  }

  /** The process has drained, or has ended before it had. */
  shutdown(
    trigger: ShutdownTrigger,
    durationMs: number,
    counts: Readonly<Record<ShutdownResult, number>>,
  ): void {
    if (this.#instruments === undefined) return;
    this.#instruments.shutdown.record(durationMs, { [ATTR_SHUTDOWN_TRIGGER]: trigger });
    for (const [result, count] of Object.entries(counts)) {
      const attributes = { [ATTR_SHUTDOWN_TRIGGER]: trigger, [ATTR_SHUTDOWN_RESULT]: result };
      // None is told as well: a service that cuts nothing has a 0 in the place of a gap.
      this.#instruments.shutdownOperations.add(count, attributes);
    }
  }
}

function createInstruments(meter: Meter): Instruments {
  return {
    operations: meter.createObservableCounter(METRIC_OPERATIONS, {
      unit: '{operation}',
      valueType: ValueType.INT,
      description: 'Operations that are over, by how they ended.',
    }),
    deviation: meter.createHistogram(METRIC_DEADLINE_DEVIATION, {
      unit: 'ms',
      description: 'End of operations that had a time limit, minus that limit: negative is in time.',
      advice: { explicitBucketBoundaries: DEVIATION_BUCKETS },
    }),
    work: meter.createHistogram(METRIC_WORK_AFTER_CANCEL, {
      unit: 'ms',
      description: 'How long handlers went on after their operation was cancelled.',
      advice: { explicitBucketBoundaries: WORK_BUCKETS },
    }),
    activeWork: meter.createUpDownCounter(METRIC_WORK_AFTER_CANCEL_ACTIVE, {
      unit: '{operation}',
      valueType: ValueType.INT,
      description: 'Cancelled operations whose handlers go on.',
    }),
    wasted: meter.createCounter(METRIC_WASTED, {
      unit: 'ms',
      valueType: ValueType.DOUBLE,
      description: 'Time of databases and other services after the cancel of what they worked for.',
    }),
    findings: meter.createCounter(METRIC_FINDINGS, {
      unit: '{finding}',
      valueType: ValueType.INT,
      description: 'Rules about broken propagation that fired.',
    }),
    shutdown: meter.createHistogram(METRIC_SHUTDOWN_DURATION, {
      unit: 'ms',
      description: 'How long processes drained, from when they were told to end.',
      advice: { explicitBucketBoundaries: SHUTDOWN_BUCKETS },
    }),
    shutdownOperations: meter.createCounter(METRIC_SHUTDOWN_OPERATIONS, {
      unit: '{operation}',
      valueType: ValueType.INT,
      description: 'Incoming operations that were over while their process drained.',
    }),
  };
}
