/** Each of our functions for queues fails in turn: jobs end as without us, be it that nothing is told of their end. */
import assert from 'node:assert/strict';
import { createRequire, register } from 'node:module';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerRunConfig } from 'kafkajs';

// Before anything of ours is loaded.
register('../../support/sabotage-loader.mjs', import.meta.url);
const { sabotageSuite } = await import('../../support/sabotage.ts');
const { Telemetry } = await import('../../support/telemetry.ts');
const telemetry = new Telemetry('alone', { propagate: { cancel: true } });
const { registerInstrumentations } = await import('@opentelemetry/instrumentation');
const { AmqplibInstrumentation } = await import('@opentelemetry/instrumentation-amqplib');
const { KafkaJsInstrumentation } = await import('@opentelemetry/instrumentation-kafkajs');
registerInstrumentations({ instrumentations: [new AmqplibInstrumentation(), new KafkaJsInstrumentation()] });
const { startDatabase } = await import('../../support/databases.ts');
const { findOrFetchJars, startKafka } = await import('../../support/java-server.ts');
const { startRabbitMq } = await import('../../support/rabbitmq.ts');

// By require(): what is imported is not seen by the official instrumentations without a loader.
const require = createRequire(import.meta.url);
const options = {
  functions: /^(?:integrations\/(?:jobs|bullmq|amqplib|kafkajs)\/|telemetry\/(?:jobs|owner))/,
  least: 8,
};
let numbers = 0;
/** What a consumer of Kafka is given: what failed comes again. */
const EXPECTED = {
  right: ['sofa', 'lamp'],
  limit: ['sofa', 'sofa', 'lamp'],
  fails: ['sofa', 'sofa', 'lamp'],
  batch: ['sofa,lamp'],
};

const redis = await startDatabase('redis');
if ('unavailable' in redis) it('bullmq', { skip: redis.unavailable });
else {
  const { Queue, Worker } = require('bullmq') as typeof import('bullmq');
  const { BullMQOtel } = require('bullmq-otel') as typeof import('bullmq-otel');
  const stageOf = (ending: 'withdrawn' | 'fails' | 'right') => async (): Promise<void> => {
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const name = `orders-${++numbers}`;
    const settings = { connection, telemetry: new BullMQOtel() };
    const queue = new Queue(name, settings);
    const worker = new Worker(
      name,
      async (job, _token, signal) => {
        if (ending === 'right') return 'sofa';
        if (ending === 'fails') throw new Error('no sofa');
        setTimeout(() => worker.cancelJob(job.id ?? '', 'withdrawn'), 10);
        return await delay(5_000, undefined, signal && { signal });
      },
      settings,
    );
    const over = new Promise<string>((resolve) => {
      worker.once('completed', (_job, result) => resolve(`completed: ${result}`));
      worker.once('failed', (_job, error) => resolve(`failed: ${error.message}`));
    });
    await queue.add('order', {});
    const expected = {
      withdrawn: 'failed: The operation was aborted',
      fails: 'failed: no sofa',
      right: 'completed: sofa',
    };
    assert.equal(await over, expected[ending]);
    await worker.close();
    await queue.obliterate({ force: true });
    await queue.close();
  };
  const cases = (['withdrawn', 'fails', 'right'] as const).map((ending) => ({
    name: `a job: ${ending}`,
    stage: stageOf(ending),
  }));
  sabotageSuite(
    'bullmq',
    telemetry,
    { cases, close: () => redis.stop() },
    { ...options, hook: 'integrations/bullmq/worker-hooks:watchProcessing>#1' },
  );
}

const rabbitMq = await startRabbitMq();
if ('unavailable' in rabbitMq) it('amqplib', { skip: rabbitMq.unavailable });
else {
  const amqplib = require('amqplib') as typeof import('amqplib');
  const asItIs: Record<string, string[]> = {};
  const stageOf =
    (ending: 'ack' | 'nack' | 'channel' | 'connection' | 'fault') => async (): Promise<void> => {
      const connection = await amqplib.connect(rabbitMq.url);
      const channel = await connection.createChannel();
      const seen: string[] = [];
      for (const [what, emitter] of Object.entries({ connection, channel })) {
        emitter.on('error', (error: Error) => seen.push(`${what} error ${error.message.slice(0, 40)}`));
        emitter.on('close', () => seen.push(`${what} closed`));
      }
      const name = `orders-${++numbers}`;
      await channel.assertQueue(name, { exclusive: true });
      const handled = new Promise<void>((resolve, reject) => {
        channel
          .consume(name, async (message) => {
            await delay(5);
            if (message === null) return;
            if (ending === 'ack') channel.ack(message);
            else if (ending === 'nack') channel.nack(message, false, false);
            else if (ending === 'channel') await channel.close();
            else if (ending === 'connection') await connection.close();
            else await channel.checkQueue('none').catch((error) => seen.push(`check: ${error.code}`));
            resolve();
          })
          .catch(reject);
      });
      channel.sendToQueue(name, Buffer.from('sofa'));
      await handled;
      await delay(20);
      const closing = ending === 'connection' ? Promise.resolve() : connection.close();
      await closing;
      // The first time nothing of ours fails.
      asItIs[ending] ??= seen;
      assert.deepEqual(seen, asItIs[ending]);
    };
  const cases = (['ack', 'nack', 'channel', 'connection', 'fault'] as const).map((ending) => ({
    name: `a message: ${ending}`,
    stage: stageOf(ending),
  }));
  sabotageSuite(
    'amqplib',
    telemetry,
    { cases, close: () => rabbitMq.stop() },
    { ...options, hook: 'integrations/amqplib/channel-hooks:watchHandlers>#1>#1' },
  );
}

const jars = await findOrFetchJars('kafka');
if ('unavailable' in jars) it('kafkajs', { skip: jars.unavailable });
else {
  const broker = await startKafka(jars.jars);
  const { Kafka, logLevel } = require('kafkajs') as typeof import('kafkajs');
  const retry = { initialRetryTime: 20 };
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry });
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  const stageOf = (ending: 'right' | 'limit' | 'fails' | 'batch') => async (): Promise<void> => {
    const topic = `orders-${++numbers}`;
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
    const consumer = kafka.consumer({ groupId: topic });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen: string[] = [];
    let isFirst = true;
    const handled = new Promise<void>((resolve) => {
      const handle = async (value: unknown): Promise<void> => {
        seen.push(`${value}`);
        if (seen.length === EXPECTED[ending].length) resolve();
        if (!isFirst) return;
        isFirst = false;
        if (ending === 'fails') throw new Error('no sofa');
        if (ending === 'limit') await delay(5_000, undefined, { signal: AbortSignal.timeout(10) });
      };
      const config: ConsumerRunConfig =
        ending === 'batch'
          ? { eachBatch: async ({ batch }) => handle(batch.messages.map(({ value }) => value)) }
          : { eachMessage: async ({ message }) => handle(message.value) };
      consumer.run(config);
    });
    await producer.send({ topic, messages: [{ value: 'sofa' }, { value: 'lamp' }] });
    await handled;
    await consumer.disconnect();
    assert.deepEqual(seen, EXPECTED[ending]);
  };
  const cases = (['right', 'limit', 'fails', 'batch'] as const).map((ending) => ({
    name: `messages: ${ending}`,
    stage: stageOf(ending),
  }));
  const close = async (): Promise<void> => {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    await broker.stop();
  };
  sabotageSuite(
    'kafkajs',
    telemetry,
    { cases, close },
    { ...options, hook: 'integrations/kafkajs/consumer-hooks:watchHandler>#1' },
  );
}
