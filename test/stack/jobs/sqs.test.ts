/** Messages of SQS, of a server that speaks it: the span of a message is the application's own, made as docs/jobs.md has it. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { findOrFetchJars, startSqs } from '../../support/java-server.ts';
import { assertLine, cancelOf, findingsOf, MISSED, RAN_ON, type Run, run } from './run.ts';

const jars = await findOrFetchJars('elasticmq');

describe('SQS', { skip: 'unavailable' in jars && jars.unavailable }, async () => {
  if ('unavailable' in jars) return;
  const { url, stop } = await startSqs(jars.jars);
  after(() => stop());

  /** Of the official instrumentation, whose spans are of calls, none of them of a message that is processed. */
  function callsOf({ spans }: Run): string[] {
    const calls = spans.filter(({ scope }) => scope === '@opentelemetry/instrumentation-aws-sdk');
    for (const call of calls) assert.deepEqual(cancelOf(call), [], call.name);
    return calls.map(({ name, kind }) => `${SpanKind[kind]} ${name.replace(/-\d+/, '')}`);
  }

  it('a message whose handler fails by its time limit', async () => {
    const limited = await run('sqs', url, 'limit');
    assert.deepEqual(cancelOf(limited.job), MISSED);
    assertLine(limited.job, 'limit');
    assert.deepEqual(findingsOf(limited).sort(), RAN_ON);
    assert.deepEqual(callsOf(limited), [
      'CLIENT SQS.CreateQueue',
      'PRODUCER orders send',
      'CONSUMER orders receive',
    ]);
  });

  it('one that is handled well has nothing, and neither have the calls around it', async () => {
    const right = await run('sqs', url, 'right');
    assert.equal(right.result, 'completed');
    assert.deepEqual(cancelOf(right.job), []);
    assert.deepEqual(findingsOf(right), []);
    assert.equal(callsOf(right).at(-1), 'CLIENT SQS.DeleteMessage');
  });
});
