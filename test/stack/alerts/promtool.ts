/** Tells Prometheus' own rule evaluation a story of series and asks which alerts fire when. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In promtool's notation, one value a minute. */
export type Series = { series: string; values: string };
export type Labels = Readonly<Record<string, string>>;
export type FiringAlert = { labels: Labels; annotations: Labels };
/** Minutes since the first value. */
export type AlertCheck = { alert: string; atMinute: number; firing: readonly FiringAlert[] };
export type ExpressionCheck = {
  expression: string;
  atMinute: number;
  samples: readonly { labels: string; value: number }[];
};
export type Story = {
  series: readonly Series[];
  /** How often the rules are evaluated. @default 1 */
  evaluationMinutes?: number | undefined;
  alerts?: readonly AlertCheck[];
  expressions?: readonly ExpressionCheck[];
};

export const ruleFiles = fileURLToPath(new URL('../../../deploy/prometheus/rules/', import.meta.url));

/** promtool evaluates groups in no order of its own, Prometheus at different seconds of their interval. */
const groupOrder = [
  'cancellation-thresholds',
  'cancellation-operations',
  'cancellation-ratios',
  'cancellation-waste',
  'cancellation-shutdowns',
  'cancel-rates',
  'deadline-rates',
  'cancelled-work',
  'cancel-shutdowns',
  'cancellation-watch',
];

/** A counter that grows by so many a minute for so many minutes, then by as many as the next stretch says; undefined: it is not there. */
export function counter(
  name: string,
  labels: Labels,
  stretches: readonly { perMinute: number | undefined; minutes: number }[],
): Series {
  let value = 0;
  const parts = stretches.map(({ perMinute, minutes }) => {
    if (perMinute === undefined) return `_x${minutes}`;
    const part = `${value}+${perMinute}x${minutes - 1}`;
    value += perMinute * minutes;
    return part;
  });
  return { series: selector(name, labels), values: parts.join(' ') };
}

/** A value that stays for so many minutes; no value: the series is not there. */
export function gauge(
  name: string,
  labels: Labels,
  stretches: readonly { value: number | undefined; minutes: number }[],
): Series {
  const values = stretches.map(({ value, minutes }) =>
    value === undefined ? `_x${minutes}` : `${value}+0x${minutes - 1}`,
  );
  return { series: selector(name, labels), values: values.join(' ') };
}

export function selector(name: string, labels: Labels): string {
  return `${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')}}`;
}

export async function check(promtool: string, story: Story): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'alert-story-'));
  try {
    const file = join(folder, 'story.yml'); // JSON is YAML
    await writeFile(file, JSON.stringify(unitTest(story)));
    const failure = await run(promtool, ['test', 'rules', file]);
    assert.equal(failure, undefined, failure);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Resolves to what the tool said when it failed. */
export function run(binary: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(binary, args, { timeout: 120_000 }, (error, stdout, stderr) =>
      resolve(error === null ? undefined : `${error.message}\n${stdout}${stderr}`),
    );
  });
}

function unitTest({ series, evaluationMinutes = 1, alerts = [], expressions = [] }: Story): unknown {
  return {
    rule_files: [join(ruleFiles, '*.yml')],
    evaluation_interval: `${evaluationMinutes}m`,
    group_eval_order: groupOrder,
    tests: [
      {
        interval: '1m',
        input_series: series,
        alert_rule_test: alerts.map(({ alert, atMinute, firing }) => ({
          eval_time: `${atMinute}m`,
          alertname: alert,
          exp_alerts: firing.map(({ labels, annotations }) => ({
            exp_labels: labels,
            exp_annotations: annotations,
          })),
        })),
        promql_expr_test: expressions.map(({ expression, atMinute, samples }) => ({
          expr: expression,
          eval_time: `${atMinute}m`,
          exp_samples: samples,
        })),
      },
    ],
  };
}
