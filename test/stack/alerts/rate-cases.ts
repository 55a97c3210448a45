import { type AlertCase, jaegerUrl } from './alert-case.ts';
import { cause, type Outcome, operation, type Source, type Stretch, service, traffic } from './traffic.ts';

const hour = 60;
const day = 24 * hour;

const kinds = [
  { outcome: 'canceled', name: 'CancelRate', tag: 'context.canceled', what: 'cancelled' },
  {
    outcome: 'deadline_exceeded',
    name: 'DeadlineRate',
    tag: 'deadline_exceeded',
    what: 'past their deadline',
  },
] as const;
const sources = ['spans', 'metrics'] as const;

export const rateCases: readonly AlertCase[] = kinds.flatMap((kind) =>
  sources.flatMap((source) => [fastBurn(kind, source), slowBurn(kind, source), rise(kind, source)]),
);

type Kind = (typeof kinds)[number];

function fastBurn(kind: Kind, source: Source): AlertCase {
  const of = (...stretches: Stretch[]) => traffic(source, kind.outcome, stretches);
  return {
    alert: `${kind.name}FastBurn`,
    told: source,
    story: of(
      { cancelled: 0, other: 60, minutes: hour },
      { cancelled: 12, other: 48, minutes: 2 * hour },
      { cancelled: 0, other: 60, minutes: hour },
    ),
    quietAt: hour - 1,
    firesAt: 3 * hour - 1,
    // Five minutes until the short window is clean, five more because of keep_firing_for.
    recoveredAt: 3 * hour + 12,
    firing: firing(kind, source, 'page', 'FastBurn', {
      share: '20%',
      when: 'in the last hour',
      lookback: '1h',
    }),
    quiet: {
      '14 % are below 14.4 times the budget': of({ cancelled: 14, other: 86, minutes: 4 * hour }),
      'an hour ago there were many, now there are none': of(
        { cancelled: 30, other: 30, minutes: 3 * hour - 20 },
        { cancelled: 0, other: 60, minutes: 2 * hour },
      ),
      'one of five a minute is no traffic': of({ cancelled: 1, other: 4, minutes: 4 * hour }),
    },
  };
}

function slowBurn(kind: Kind, source: Source): AlertCase {
  const of = (...stretches: Stretch[]) => traffic(source, kind.outcome, stretches);
  return {
    alert: `${kind.name}SlowBurn`,
    told: source,
    story: of(
      { cancelled: 0, other: 100, minutes: 30 },
      { cancelled: 8, other: 92, minutes: 8 * hour },
      { cancelled: 0, other: 100, minutes: 2 * hour },
    ),
    evaluationMinutes: 5,
    quietAt: 30,
    firesAt: 8 * hour,
    recoveredAt: 9 * hour + 30,
    firing: firing(kind, source, 'ticket', 'SlowBurn', {
      share: '8%',
      when: 'in the last six hours',
      lookback: '6h',
    }),
    quiet: {
      '5 % are below six times the budget': of({ cancelled: 5, other: 95, minutes: 9 * hour }),
      'one of five a minute is no traffic': of({ cancelled: 1, other: 4, minutes: 9 * hour }),
    },
  };
}

function rise(kind: Kind, source: Source): AlertCase {
  const of = (...stretches: Stretch[]) => traffic(source, kind.outcome, stretches);
  return {
    alert: `${kind.name}Rise`,
    told: source,
    story: of(
      { cancelled: 1, other: 99, minutes: day + hour },
      { cancelled: 5, other: 95, minutes: 2 * hour },
      { cancelled: 1, other: 99, minutes: 2 * hour },
    ),
    evaluationMinutes: 5,
    quietAt: day + hour,
    firesAt: day + 3 * hour - 1,
    recoveredAt: day + 4 * hour + 30,
    firing: firing(kind, source, 'ticket', 'Rise', {
      share: '5%',
      when: 'far more than yesterday at this hour',
      separator: ', ',
      lookback: '1h',
    }),
    quiet: {
      'not three times as many as yesterday': of(
        { cancelled: 2, other: 98, minutes: day + hour },
        { cancelled: 5, other: 95, minutes: 3 * hour },
      ),
      'twenty times as many, but only 2 %': of(
        { cancelled: 0.1, other: 99.9, minutes: day + hour },
        { cancelled: 2, other: 98, minutes: 3 * hour },
      ),
      'nothing is known of yesterday': of(
        { cancelled: undefined, other: undefined, minutes: 10 * hour },
        { cancelled: 5, other: 95, minutes: 20 * hour },
      ),
      'hardly any traffic today': of(
        { cancelled: 1, other: 99, minutes: day + hour },
        { cancelled: 1, other: 4, minutes: 3 * hour },
      ),
    },
  };
}

function firing(
  { outcome, name, tag, what }: Kind,
  source: Source,
  severity: string,
  suffix: string,
  text: { share: string; when: string; separator?: string; lookback: string },
): AlertCase['firing'] {
  // Of our own metrics the name of the span is not known for certain.
  const searchedOperation = source === 'spans' ? '&operation=POST+%2Fcheckout%2F%3Aitem' : '';
  return {
    labels: { severity, source, service_name: service, operation, side: 'server', outcome },
    annotations: {
      summary: `checkout POST /checkout/:item: ${text.share} ${what}${text.separator ?? ' '}${text.when}`,
      description: `Seen by the server, told by its ${source}. In the last five minutes mostly by ${causeOf(outcome)}.`,
      jaeger: `${jaegerUrl}/search?service=checkout${searchedOperation}&lookback=${text.lookback}&limit=50&tags=%7B%22${tag}%22%3A%22true%22%7D`,
      runbook: `docs/alerts.md#${name.toLowerCase()}${suffix.toLowerCase()}`,
    },
  };
}

function causeOf(outcome: Outcome): string {
  const { cancel_initiator, cancel_trigger } = cause[outcome];
  return `${cancel_initiator}, ${cancel_trigger}`;
}
