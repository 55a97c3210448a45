/** Jobs of real queues: what ends them, what goes on afterwards, and nothing for those that end well or fail by themselves. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { type Database, startDatabase } from '../support/databases.ts';
import { findOrFetchJars, type KafkaServer, startKafka } from '../support/java-server.ts';
import { assertLine, cancelOf, findingsOf, MISSED, RAN_ON, type Run, run, WITHDRAWN } from './jobs/run.ts';

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

  for (const order of ['sandbox', 'thread']) {
    it(`of a processor in a ${order} the worker knows who takes the job back, and its own span the rest`, async () => {
      const limited = await bullmq('limit', order);
      assert.deepEqual(cancelOf(limited.job), [], 'its error is a copy');
      const [handled] = limited.others.filter(({ name }) => name === 'handle orders');
      assert.ok(handled);
      assert.equal(handled.traceId, limited.job.traceId);
      assert.deepEqual(cancelOf(handled), MISSED);
      assert.match(String(handled.attributes['cancel.origin']), /jobs\/sandbox\.js/);
      assert.deepEqual(findingsOf({ spans: limited.others }), ['GET: cancel_not_propagated']);

      const stopped = await bullmq('stops', order);
      assert.deepEqual(cancelOf(stopped.job), WITHDRAWN);
      assertLine(stopped.job, 'withdraw');
      // Its request ends by the signal that bullmq gives it there.
      const [told] = stopped.others.filter(({ kind }) => kind === SpanKind.CLIENT);
      assert.ok(told);
      assert.deepEqual(cancelOf(told), WITHDRAWN);
    });
  }
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
