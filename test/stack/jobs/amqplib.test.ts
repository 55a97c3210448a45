/** Messages of a real RabbitMQ: what takes them away from their handlers, and nothing for those that are answered. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanStatusCode } from '@opentelemetry/api';
import type { Database } from '../../support/databases.ts';
import { startRabbitMq } from '../../support/rabbitmq.ts';
import { assertLine, cancelOf, findingsOf, MISSED, RAN_ON, type Run, run } from './run.ts';

const rabbitMq = await startRabbitMq();

describe('amqplib', { skip: 'unavailable' in rabbitMq && rabbitMq.unavailable }, () => {
  const { url, stop } = rabbitMq as Database;
  after(() => stop());
  const amqplib = (job: string, ...more: string[]): Promise<Run> => run('amqplib', url, job, ...more);

  for (const order of ['ours first', 'ours last']) {
    it(`a message that is nacked when its time limit passes, ${order}`, async () => {
      const limited = await amqplib('limit', order);
      assert.deepEqual(cancelOf(limited.job), MISSED.slice(0, 4));
      assertLine(limited.job, 'limit');
      assert.deepEqual(findingsOf(limited).sort(), RAN_ON);
      // As the official instrumentation has it.
      assert.deepEqual(limited.job.status, {
        code: SpanStatusCode.ERROR,
        message: 'nack called on message without requeue',
      });
    });
  }

  it('one whose handler records the abort that it fails with', async () => {
    const { job } = await amqplib('shutdown', 'records');
    assert.equal(job.attributes['cancel.trigger'], 'abort');
    assert.equal(job.attributes['cancel.reason'], 'AbortError: shutting down');
  });

  it('one that is acked, or nacked by itself, has nothing', async () => {
    for (const name of ['right', 'fails', 'copes']) {
      const silent = await amqplib(name);
      assert.deepEqual(cancelOf(silent.job), [], name);
      assert.deepEqual(findingsOf(silent), [], name);
    }
  });

  for (const order of ['channel', 'connection']) {
    it(`the ${order} is closed while the handler is at work`, async () => {
      const closed = await amqplib('ignores', order);
      assert.deepEqual(cancelOf(closed.job), [
        'context.canceled=true',
        'cancel.initiator=local',
        'cancel.trigger=shutdown',
      ]);
      assertLine(closed.job, order);
      assert.deepEqual(findingsOf(closed).sort(), [
        'GET: cancel_not_propagated',
        'GET: late_operation',
        'work after cancel: work_after_cancel',
      ]);
    });
  }

  it('the broker closes the channel', async () => {
    const { job } = await amqplib('ignores', 'fault');
    assert.deepEqual(cancelOf(job).slice(0, 3), [
      'context.canceled=true',
      'cancel.initiator=peer',
      'cancel.trigger=reset',
    ]);
    assert.match(String(job.attributes['cancel.reason']), /^Channel closed by server: 404/);
  });

  it('the connection is cut', async () => {
    const { job } = await amqplib('ignores', 'cut');
    assert.deepEqual(cancelOf(job), [
      'context.canceled=true',
      'cancel.initiator=peer',
      'cancel.trigger=disconnect',
    ]);
  });

  it('the broker’s time for an answer is over', async () => {
    const { job } = await amqplib('locked', 'no answer');
    assert.deepEqual(cancelOf(job).slice(0, 3), [
      'deadline_exceeded=true',
      'cancel.initiator=peer',
      'cancel.trigger=status',
    ]);
    assert.match(String(job.attributes['cancel.reason']), /timed out\. Timeout value used: 1000 ms/);
  });

  it('a consumer that is cancelled finishes what it has', async () => {
    const finished = await amqplib('ignores', 'consumer');
    assert.equal(finished.result, 'completed');
    assert.deepEqual(cancelOf(finished.job), []);
    assert.deepEqual(findingsOf(finished), []);
  });
});
