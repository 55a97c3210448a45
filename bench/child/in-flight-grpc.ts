// gRPC calls in flight. Their other side is a thread, which has a heap of its own and no telemetry.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { connectTo, serve } from './grpc.ts';

type Start = (calls: number) => Promise<void>;

export async function incoming(): Promise<Start> {
  const peer = new Worker(new URL(import.meta.url), { workerData: await serve('bare') });
  return async (calls) => {
    peer.postMessage(calls);
    await once(peer, 'message');
  };
}

export async function outgoing(): Promise<Start> {
  const [port] = await once(new Worker(new URL(import.meta.url)), 'message');
  return startHanging(port);
}

/** On one channel. They are in flight when the server has sent its metadata. */
function startHanging(port: number): Start {
  const client = connectTo(port);
  const start = () =>
    once(
      client.hang({ id: 1, name: 'a small item' }, {}, () => {}),
      'metadata',
    );
  return async (calls) => {
    await Promise.all(Array.from({ length: calls }, start));
  };
}

if (!isMainThread) {
  const port: unknown = workerData;
  if (typeof port === 'number') {
    const start = startHanging(port);
    parentPort?.on('message', (calls: number) => start(calls).then(() => parentPort?.postMessage('started')));
  } else parentPort?.postMessage(await serve('bare'));
}
