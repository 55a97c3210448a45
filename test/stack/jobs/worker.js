// A worker whose job is cancelled, or fails, or ends well. Prints what became of it, and the spans, as JSON.
//   node test/stack/jobs/worker.js <queue> <its url> <job> [ours last | propagate | forced | batch | sandbox | thread | how a message is taken back]
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { AwsInstrumentation } from '@opentelemetry/instrumentation-aws-sdk';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { KafkaJsInstrumentation } from '@opentelemetry/instrumentation-kafkajs';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation, currentSignal } from 'opentelemetry-instrumentation-cancellation';

const ANSWERS_AFTER_MS = 300;
const CANCELLED_AFTER_MS = 100;

const [, , queueName, url, jobName, order] = process.argv;
const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
const official = [
  new IORedisInstrumentation(),
  new KafkaJsInstrumentation(),
  new AmqplibInstrumentation(),
  new AwsInstrumentation(),
];
const ours = new CancellationInstrumentation({
  propagate: { cancel: order === 'propagate' },
});
registerInstrumentations({
  instrumentations: order === 'ours last' ? [...official, ours] : [ours, ...official],
});

// By require(): what is imported is not seen by the official instrumentations without a loader.
const require = createRequire(import.meta.url);
const http = require('node:http');

const warehouse = http.createServer(async (_request, response) => {
  await delay(ANSWERS_AFTER_MS);
  response.end('sofa');
});
await new Promise((resolve) => warehouse.listen(0, '127.0.0.1', resolve));
const { port } = warehouse.address();

async function askWarehouse(signal) {
  const response = await fetch(`http://127.0.0.1:${port}/stock`, { signal });
  return await response.text();
}

const shutdown = new AbortController();
/** For the spans of a process of its own. */
const folder = mkdtempSync(join(tmpdir(), 'job-'));

/** `cancel` is the queue's own way to take a job back, `signal` what it tells the job by. */
const jobs = {
  async right() {
    await askWarehouse();
  },
  async fails() {
    await askWarehouse();
    throw new Error('no sofa');
  },
  /** What it has asked goes on. */
  async limit() {
    void askWarehouse();
    await delay(5_000, undefined, { signal: AbortSignal.timeout(CANCELLED_AFTER_MS) });
  },
  async fetchLimit() {
    await askWarehouse(AbortSignal.timeout(CANCELLED_AFTER_MS));
  },
  /** Aborted from outside of the job. */
  async shutdown() {
    void askWarehouse();
    await delay(5_000, undefined, { signal: shutdown.signal });
  },
  async ignores({ cancel }) {
    cancel();
    await askWarehouse();
    await askWarehouse();
  },
  async stops({ cancel, signal }) {
    cancel();
    await askWarehouse(signal);
  },
  async stopsByHelper({ cancel }) {
    cancel();
    await askWarehouse(currentSignal());
  },
  async locked() {
    await delay(1_500);
  },
  /** It copes with the limit of a part, and fails later. */
  async copes() {
    const part = delay(5_000, undefined, { signal: AbortSignal.timeout(CANCELLED_AFTER_MS) });
    await part.catch(() => {});
    await askWarehouse();
    throw new Error('no sofa');
  },
};

let took = () => {};
const taken = new Promise((resolve) => {
  took = resolve;
});

function run(given) {
  took();
  return jobs[jobName](given);
}

const queues = {
  async bullmq() {
    const { Queue, Worker } = require('bullmq');
    const { BullMQOtel } = require('bullmq-otel');
    const options = { connection: { url, maxRetriesPerRequest: null }, telemetry: new BullMQOtel() };
    const queue = new Queue('orders', options);
    const locks =
      jobName === 'locked'
        ? { lockDuration: 1_000, lockRenewTime: 400, stalledInterval: 1_000, runRetryDelay: 100 }
        : {};
    const isSandboxed = order === 'sandbox' || order === 'thread';
    const sandbox = fileURLToPath(new URL('sandbox.js', import.meta.url));
    const worker = new Worker('orders', isSandboxed ? sandbox : process_, {
      ...options,
      ...locks,
      useWorkerThreads: order === 'thread',
    });
    const over = new Promise((resolve) => {
      worker.once('completed', () => resolve('completed'));
      worker.once('failed', (_job, error) => resolve(`failed: ${error.message}`));
      worker.once('closed', () => resolve('closed'));
    });
    worker.on('error', () => {});

    function process_(job, _token, signal) {
      const cancel = () => setTimeout(withdraw, CANCELLED_AFTER_MS);
      const withdraw = () => worker.cancelJob(job.id, 'the order was withdrawn');
      const close = () => setTimeout(() => worker.close(true), CANCELLED_AFTER_MS);
      return run({ signal, cancel: order === 'forced' ? close : cancel });
    }

    if (isSandboxed && jobName === 'stops') {
      worker.once('active', ({ id }) => {
        setTimeout(function withdraw() {
          worker.cancelJob(id, 'the order was withdrawn');
        }, 3 * CANCELLED_AFTER_MS);
      });
    }
    const { id } = await queue.add('order', { job: jobName, port, file: join(folder, 'spans') });
    if (jobName === 'locked') {
      const { Redis } = require('ioredis');
      const redis = new Redis(url);
      await taken;
      await redis.del(`bull:orders:${id}:lock`);
      await redis.quit();
    }
    return {
      over,
      async close() {
        await worker.close();
        await queue.obliterate({ force: true });
        await queue.close();
      },
    };
  },
  async kafkajs() {
    const { Kafka, logLevel } = require('kafkajs');
    const kafka = new Kafka({ brokers: [url], logLevel: logLevel.NOTHING });
    const topic = `orders-${process.pid}`;
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
    await admin.disconnect();
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'sofa' }] });
    const consumer = kafka.consumer({ groupId: topic });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    let end;
    const over = new Promise((resolve) => {
      end = resolve;
    });
    let isFirst = true;
    const handle = async () => {
      // What failed comes again.
      if (!isFirst) return;
      isFirst = false;
      try {
        await run({});
        end('completed');
      } catch (error) {
        end(`failed: ${error.message}`);
        throw error;
      }
    };
    await consumer.run(order === 'batch' ? { eachBatch: handle } : { eachMessage: handle });
    return {
      over,
      async close() {
        await consumer.disconnect();
        await producer.disconnect();
      },
    };
  },
  async amqplib() {
    const amqplib = require('amqplib');
    const { hostname, port: brokerPort } = new URL(url);
    const sockets = [];
    // Whose connections can be cut.
    const cable = createServer((socket) => {
      const upstream = connect(brokerPort, hostname);
      socket.pipe(upstream).pipe(socket);
      for (const end of [socket, upstream]) end.on('error', () => {});
      sockets.push(socket, upstream);
    });
    await new Promise((resolve) => cable.listen(0, '127.0.0.1', resolve));
    const connection = await amqplib.connect(url.replace(brokerPort, cable.address().port));
    const channel = await connection.createChannel();
    for (const emitter of [connection, channel]) emitter.on('error', () => {});
    const name = `orders-${process.pid}`;
    await channel.assertQueue(name, { exclusive: true });
    const ways = {
      channel: () => channel.close(),
      connection: () => connection.close(),
      cut: () => sockets.map((socket) => socket.destroy()),
      // The broker closes a channel that asks for what is not there.
      fault: () => channel.checkQueue('none').catch(() => {}),
      consumer: () => channel.cancel('orders'),
    };
    function withdraw() {
      return ways[order]?.();
    }
    let end;
    const over = new Promise((resolve) => {
      end = resolve;
    });
    async function consume(message) {
      try {
        await run({ cancel: () => setTimeout(withdraw, CANCELLED_AFTER_MS) });
        // Of a channel that is closed nothing can be said any more.
        if (order === undefined || order === 'consumer') channel.ack(message);
        end('completed');
      } catch (error) {
        if (order === 'records') {
          trace.getActiveSpan().recordException(error);
          trace.getActiveSpan().setStatus({ code: SpanStatusCode.ERROR });
        }
        channel.nack(message, false, false);
        end(`failed: ${error.message}`);
      }
    }
    await channel.consume(name, consume, { consumerTag: 'orders' });
    channel.sendToQueue(name, Buffer.from('sofa'));
    return {
      over,
      async close() {
        for (const socket of sockets) socket.destroy();
        cable.close();
      },
    };
  },
  async sqs() {
    const sdk = require('@aws-sdk/client-sqs');
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    const sqs = new sdk.SQSClient({ endpoint: url, region: 'elasticmq', credentials });
    const { QueueUrl } = await sqs.send(new sdk.CreateQueueCommand({ QueueName: `orders-${process.pid}` }));
    await sqs.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody: 'sofa' }));

    /** As docs/jobs.md has it. */
    function inSpan(message, handle) {
      const attributes = Object.entries(message.MessageAttributes ?? {});
      const carrier = Object.fromEntries(attributes.map(([key, { StringValue }]) => [key, StringValue]));
      const options = {
        kind: SpanKind.CONSUMER,
        attributes: {
          'messaging.system': 'aws_sqs',
          'messaging.operation.type': 'process',
          'messaging.destination.name': 'orders',
          'messaging.message.id': message.MessageId,
        },
      };
      const parent = propagation.extract(ROOT_CONTEXT, carrier);
      return trace.getTracer('orders').startActiveSpan('process orders', options, parent, async (span) => {
        try {
          return await handle(message);
        } catch (error) {
          span.recordException(error);
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      });
    }

    async function poll() {
      const options = { QueueUrl, MessageAttributeNames: ['All'], WaitTimeSeconds: 2 };
      const { Messages: [message] = [] } = await sqs.send(new sdk.ReceiveMessageCommand(options));
      await inSpan(message, run);
      await sqs.send(new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
      return 'completed';
    }

    return {
      over: poll().catch((error) => `failed: ${error.message}`),
      async close() {
        sqs.destroy();
      },
    };
  },
};

const queue = await queues[queueName]();
if (jobName === 'shutdown') {
  await taken;
  await delay(CANCELLED_AFTER_MS);
  shutdown.abort(new DOMException('shutting down', 'AbortError'));
}
const result = await queue.over;
// What goes on for nobody.
await delay(2_500);
await queue.close();
warehouse.close();
const files = readdirSync(folder).map((name) => join(folder, name));
const others = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')));
rmSync(folder, { recursive: true });
const spans = exporter.getFinishedSpans().map((span) => ({
  name: span.name,
  kind: span.kind,
  scope: span.instrumentationScope.name,
  status: span.status,
  attributes: span.attributes,
  traceId: span.spanContext().traceId,
  events: span.events.map((event) => ({ name: event.name, attributes: event.attributes })),
}));
process.stdout.write(JSON.stringify({ result, spans, others }), () => process.exit());
