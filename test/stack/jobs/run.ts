/** A worker in a process of its own, whose job is cancelled, or fails, or ends well: what became of it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Attributes, SpanKind, type SpanStatus } from '@opentelemetry/api';

export interface PrintedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly scope: string;
  readonly traceId: string;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

export interface Run {
  /** What the queue says of the job. */
  readonly result: string;
  readonly job: PrintedSpan;
  /** Of the requests to the warehouse. */
  readonly requests: readonly PrintedSpan[];
  readonly spans: readonly PrintedSpan[];
  /** Of a processor in a process of its own. */
  readonly others: readonly PrintedSpan[];
}

const OURS = 'opentelemetry-instrumentation-cancellation';
const execute = promisify(execFile);
const cwd = fileURLToPath(new URL('../../..', import.meta.url));

export async function run(queue: string, url: string, job: string, ...more: string[]): Promise<Run> {
  const args = ['test/stack/jobs/worker.js', queue, url, job, ...more];
  const { stdout } = await execute(process.execPath, args, { cwd });
  const { result, spans, others } = JSON.parse(stdout) as Run;
  const name = more.includes('batch') ? /^poll orders/ : /^process orders|^orders-\d+ process/;
  const found = spans.find((span) => name.test(span.name));
  assert.ok(found, `a span of the job among ${spans.map((span) => span.name)}`);
  const requests = spans.filter(({ kind, scope }) => kind === SpanKind.CLIENT && scope === OURS);
  return { result, job: found, requests, spans, others };
}

/** `key=value` of the attributes that say how it was cancelled. */
export function cancelOf({ attributes }: PrintedSpan): string[] {
  const keys = [
    'context.canceled',
    'deadline_exceeded',
    'cancel.initiator',
    'cancel.trigger',
    'cancel.reason',
  ];
  return keys.flatMap((key) => (attributes[key] === undefined ? [] : [`${key}=${attributes[key]}`]));
}

export function assertLine({ attributes }: PrintedSpan, functionName: string): void {
  assert.match(
    String(attributes['cancel.origin']),
    new RegExp(`\\b${functionName}\\b.*jobs/worker\\.js:\\d+:\\d+`),
  );
}

/** Of requests, queries of the queue's own, whatever it is. */
export function findingsOf({ spans }: Pick<Run, 'spans'>): string[] {
  return spans.flatMap(({ name, attributes }) => {
    const finding = attributes['cancel.finding'];
    return finding === undefined ? [] : [`${name}: ${finding}`];
  });
}

export const MISSED = [
  'deadline_exceeded=true',
  'cancel.initiator=local',
  'cancel.trigger=signal_timeout',
  'cancel.reason=TimeoutError: The operation was aborted due to timeout',
];
export const RAN_ON = ['GET: cancel_not_propagated', 'work after cancel: work_after_cancel'];
export const WITHDRAWN = [
  'context.canceled=true',
  'cancel.initiator=local',
  'cancel.trigger=abort',
  'cancel.reason=the order was withdrawn',
];
