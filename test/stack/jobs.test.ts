/** Jobs of real queues: what ends them, what goes on afterwards, and nothing for those that end well or fail by themselves. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Attributes, SpanKind, type SpanStatus, SpanStatusCode } from '@opentelemetry/api';
import { type Database, startDatabase } from '../support/databases.ts';
import { findOrFetchJars, type KafkaServer, startKafka } from '../support/java-server.ts';

interface PrintedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly scope: string;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

interface Run {
  /** What the queue says of the job. */
  readonly result: string;
  readonly job: PrintedSpan;
  /** Of the requests to the warehouse. */
  readonly requests: readonly PrintedSpan[];
  readonly spans: readonly PrintedSpan[];
}

const OURS = 'opentelemetry-instrumentation-cancellation';
const execute = promisify(execFile);
const cwd = fileURLToPath(new URL('../..', import.meta.url));

async function run(queue: string, url: string, job: string, ...more: string[]): Promise<Run> {
  const args = ['test/stack/jobs/worker.js', queue, url, job, ...more];
  const { stdout } = await execute(process.execPath, args, { cwd });
  const { result, spans } = JSON.parse(stdout) as { result: string; spans: PrintedSpan[] };
  const name = more.includes('batch') ? /^poll orders/ : /^process orders/;
  const found = spans.find((span) => name.test(span.name));
  assert.ok(found, `a span of the job among ${spans.map((span) => span.name)}`);
  const requests = spans.filter(({ kind, scope }) => kind === SpanKind.CLIENT && scope === OURS);
  return { result, job: found, requests, spans };
}

/** `key=value` of the attributes that say how it was cancelled. */
function cancelOf({ attributes }: PrintedSpan): string[] {
  const keys = [
    'context.canceled',
    'deadline_exceeded',
    'cancel.initiator',
    'cancel.trigger',
    'cancel.reason',
  ];
  return keys.flatMap((key) => (attributes[key] === undefined ? [] : [`${key}=${attributes[key]}`]));
}

function assertLine({ attributes }: PrintedSpan, functionName: string): void {
  assert.match(
    String(attributes['cancel.origin']),
    new RegExp(`\\b${functionName}\\b.*jobs/worker\\.js:\\d+:\\d+`),
  );
}

/** Of requests, queries of the queue's own, whatever it is. */
function findingsOf({ spans }: Run): string[] {
  return spans.flatMap(({ name, attributes }) => {
    const finding = attributes['cancel.finding'];
    return finding === undefined ? [] : [`${name}: ${finding}`];
  });
}

const MISSED = [
  'deadline_exceeded=true',
  'cancel.initiator=local',
  'cancel.trigger=signal_timeout',
  'cancel.reason=TimeoutError: The operation was aborted due to timeout',
];
const RAN_ON = ['GET: cancel_not_propagated', 'work after cancel: work_after_cancel'];
const WITHDRAWN = [
  'context.canceled=true',
  'cancel.initiator=local',
  'cancel.trigger=abort',
  'cancel.reason=the order was withdrawn',
];

const redis = await startDatabase('redis');

describe('bullmq', { skip: 'unavailable' in redis && redis.unavailable }, () => {
  const { url, stop } = redis as Database;
  after(() => stop());
  const bullmq = (job: string, ...more: string[]): Promise<Run> => run('bullmq', url, job, ...more);

  for (const order of ['ours first', 'ours last']) {
    it(`a job that fails by its time limit, ${order}`, async () => {
      const limited = await bullmq('limit', order);
      assert.equal(limited.result, 'failed: The operation was aborted');
      assert.deepEqual(cancelOf(limited.job), MISSED);
      assertLine(limited.job, 'limit');
      assert.deepEqual(findingsOf(limited).sort(), RAN_ON);
    });
  }

  it('a job that ends well, or fails by itself, has nothing', async () => {
    for (const [name, result] of [
      ['right', 'completed'],
      ['fails', 'failed: no sofa'],
    ] as const) {
      const silent = await bullmq(name);
      assert.equal(silent.result, result);
      assert.deepEqual(cancelOf(silent.job), []);
      assert.deepEqual(findingsOf(silent), []);
    }
  });

  it('cancelJob() of one that never asks: it goes on, and asks for more', async () => {
    const ignoring = await bullmq('ignores');
    assert.equal(ignoring.result, 'completed');
    assert.deepEqual(cancelOf(ignoring.job), WITHDRAWN);
    assertLine(ignoring.job, 'withdraw');
    // And none of the queue's own commands, by which the job is completed.
    assert.deepEqual(findingsOf(ignoring).sort(), [
      'GET: cancel_not_propagated',
      'GET: late_operation',
      'work after cancel: work_after_cancel',
    ]);
  });

  for (const name of ['stops', 'stopsByHelper']) {
    it(`cancelJob() of one that ${name === 'stops' ? 'passes its signal on' : 'has currentSignal()'}`, async () => {
      const stopped = await bullmq(name);
      assert.deepEqual(cancelOf(stopped.job), WITHDRAWN);
      assert.equal(stopped.requests[0]?.attributes['cancel.initiator'], 'inherited');
      assert.deepEqual(
        findingsOf(stopped).filter((finding) => finding.startsWith('GET')),
        [],
      );
    });
  }

  it('with propagate.cancel what the job has asked ends with it', async () => {
    const stopped = await bullmq('ignores', 'propagate');
    assert.equal(stopped.requests[0]?.attributes['cancel.initiator'], 'inherited');
  });

  it('an abort from outside of the job', async () => {
    const aborted = await bullmq('shutdown');
    assert.deepEqual(cancelOf(aborted.job).slice(0, 3), WITHDRAWN.slice(0, 3));
    assert.equal(aborted.job.attributes['cancel.reason'], 'AbortError: shutting down');
  });

  it('a worker that is closed by force', async () => {
    const forced = await bullmq('ignores', 'forced');
    assert.deepEqual(cancelOf(forced.job), [
      'context.canceled=true',
      'cancel.initiator=local',
      'cancel.trigger=shutdown',
    ]);
    assert.match(String(forced.job.attributes['cancel.origin']), /jobs\/worker\.js/);
  });

  it('a job whose lock is lost', async () => {
    const { job } = await bullmq('locked');
    assert.deepEqual(cancelOf(job), [
      'context.canceled=true',
      'cancel.initiator=peer',
      'cancel.trigger=reset',
      'cancel.reason=the lock of the job is lost',
    ]);
  });
});

const jars = await findOrFetchJars('kafka');

describe('kafkajs', { skip: 'unavailable' in jars && jars.unavailable }, async () => {
  if ('unavailable' in jars) return;
  const kafka: KafkaServer = await startKafka(jars.jars);
  after(() => kafka.stop());
  const kafkajs = (job: string, ...more: string[]): Promise<Run> =>
    run('kafkajs', kafka.address, job, ...more);

  for (const order of ['ours first', 'ours last', 'batch']) {
    it(`a message whose handler fails by its time limit, ${order}`, async () => {
      const limited = await kafkajs('limit', order);
      assert.deepEqual(cancelOf(limited.job), MISSED);
      assertLine(limited.job, 'limit');
      assert.deepEqual(findingsOf(limited).sort(), RAN_ON);
      // As the official instrumentation has it.
      assert.equal(limited.job.status.code, SpanStatusCode.ERROR);
      assert.equal(limited.job.attributes['error.type'], 'AbortError');
    });
  }

  it('by that of what it has asked', async () => {
    const { job } = await kafkajs('fetchLimit');
    assert.deepEqual(cancelOf(job), MISSED);
    assertLine(job, 'fetchLimit');
  });

  it('by an abort from outside of it', async () => {
    const { job } = await kafkajs('shutdown');
    assert.equal(job.attributes['cancel.trigger'], 'abort');
    assert.equal(job.attributes['cancel.reason'], 'AbortError: shutting down');
  });

  it('one that ends well, or fails by itself, has nothing', async () => {
    for (const name of ['right', 'fails']) {
      const silent = await kafkajs(name);
      assert.deepEqual(cancelOf(silent.job), []);
      assert.deepEqual(findingsOf(silent), []);
    }
  });
});
