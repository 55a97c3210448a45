/**
 * How many operations ended how. Counted here and told when somebody collects: a synchronous counter of the
 * SDK sorts and serializes the attributes of every single addition, which takes longer than all else that is
 * done for an operation's end.
 */
import type { Attributes, ObservableResult } from '@opentelemetry/api';
import {
  ATTR_CANCEL_INITIATOR,
  ATTR_CANCEL_TRIGGER,
  ATTR_OUTCOME,
  ATTR_SIDE,
  ATTR_SYSTEM,
} from './attributes.ts';
import { type MetricLabels, writeLabels } from './metric-labels.ts';
import type { OperationRecord } from './operation-record.ts';

export type MetricOutcome = 'completed' | 'canceled' | 'deadline_exceeded' | 'failed';

/** A tree with one level for each attribute: nothing is made to find the count of attributes that were there before. */
class Branch {
  count: Count | undefined = undefined;
  readonly #next = new Map<string | undefined, Branch>();

  to(value: string | undefined): Branch {
    let next = this.#next.get(value);
    if (next === undefined) {
      next = new Branch();
      this.#next.set(value, next);
    }
    return next;
  }
}

interface Count {
  readonly attributes: Attributes;
  value: number;
}

export class OperationCounts {
  readonly #root = new Branch();
  readonly #counts: Count[] = [];
  readonly #labels: MetricLabels;

  constructor(labels: MetricLabels) {
    this.#labels = labels;
  }

  add(operation: OperationRecord, outcome: MetricOutcome): void {
    const { side, system, cancellation } = operation;
    const method = this.#labels.methodOf(operation);
    const route = this.#labels.routeOf(operation);
    const branch = this.#root
      .to(side)
      .to(system)
      .to(outcome)
      .to(cancellation?.initiator)
      .to(cancellation?.trigger)
      .to(method)
      .to(route);
    branch.count ??= this.#countOf(operation, outcome, method, route);
    branch.count.value++;
  }

  tell(result: ObservableResult): void {
    for (const { value, attributes } of this.#counts) result.observe(value, attributes);
  }

  #countOf(
    { side, system, cancellation }: OperationRecord,
    outcome: MetricOutcome,
    method: string | undefined,
    route: string | undefined,
  ): Count {
    const attributes: Attributes = { [ATTR_OUTCOME]: outcome, [ATTR_SIDE]: side, [ATTR_SYSTEM]: system };
    if (cancellation !== undefined) {
      attributes[ATTR_CANCEL_INITIATOR] = cancellation.initiator;
      attributes[ATTR_CANCEL_TRIGGER] = cancellation.trigger;
    }
    const count = { attributes: writeLabels(attributes, system, method, route), value: 0 };
    this.#counts.push(count);
    return count;
  }
}
