/** The desk with all that spans come by: OTLP/HTTP and OTLP/gRPC, and the file in which they are kept. */
import type { Keep } from '../receiver/intake.ts';
import type { GrpcReceiver } from '../receiver/otlp-grpc.ts';
import { UserError } from '../spans/user-error.ts';
import { lastingOf } from '../spans/work-announcement.ts';
import type { DeskInfo, TimelineOf } from './api.ts';
import { KeepFile } from './keep-file.ts';
import { type Desk, openDesk } from './server.ts';
import type { SpanStore } from './store.ts';
import { WorkNow } from './work-now.ts';

export interface ReceivingOptions {
  readonly store: SpanStore;
  readonly info: DeskInfo;
  /** Undefined: what is shown was not recorded. */
  readonly timelineOf?: TimelineOf | undefined;
  readonly host: string;
  readonly httpPort: Port;
  /** Undefined: no OTLP/gRPC. */
  readonly grpcPort: Port | undefined;
  readonly keepFile: string | undefined;
  /** Is given each request that is kept, in the shape of OTLP's JSON. */
  readonly passOn?: ((request: unknown) => void) | undefined;
}

export interface Port {
  /** 0: any that is free. */
  readonly number: number;
  /** Whether another one will do when it is taken. */
  readonly isFlexible: boolean;
}

export interface Receiving extends Desk {
  readonly grpcPort: number | undefined;
}

/** @throws {UserError} when a port or the file cannot be had */
export async function startReceiving(options: ReceivingOptions): Promise<Receiving> {
  const { store, info, timelineOf, host, httpPort, grpcPort, keepFile, passOn } = options;
  const file =
    keepFile === undefined ? undefined : await KeepFile.open(keepFile, (spans) => store.add(spans));
  const work = new WorkNow(store);
  const keep: Keep = async (spans, request) => {
    const lasting = lastingOf(request, spans);
    if (lasting !== undefined) await file?.add(lasting);
    store.add(spans);
    work.hear(spans);
    if (lasting !== undefined) passOn?.(lasting);
  };
  const desk = await onPort(httpPort, host, (port) =>
    openDesk({ host, port, store, work, keep, info, timelineOf }),
  );
  const grpc = grpcPort && (await onPort(grpcPort, host, (port) => listenGrpc(host, port, keep)));
  return {
    ...desk,
    grpcPort: grpc?.port,
    async close() {
      grpc?.close();
      await desk.close();
      await file?.close();
    },
  };
}

/** Loaded where it is asked for: it is large. */
async function listenGrpc(host: string, port: number, keep: Keep): Promise<GrpcReceiver> {
  const receiver = await import('../receiver/otlp-grpc.ts');
  return await receiver.listenGrpc(host, port, keep);
}

async function onPort<T>(port: Port, host: string, listen: (port: number) => Promise<T>): Promise<T> {
  try {
    return await listen(port.number);
  } catch (error) {
    const isTaken = /EADDRINUSE/.test(String(error));
    if (isTaken && port.isFlexible) return await listen(0);
    throw new UserError(`${host}:${port.number}: ${whyNot(error as Error)}`);
  }
}

/** By gRPC the code is in the message alone. */
function whyNot({ message }: Error): string {
  if (message.includes('EADDRINUSE')) return 'something else listens there. Name another port';
  if (message.includes('EACCES')) return 'not for you to listen on. Name a port from 1024 on';
  if (/EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN/.test(message))
    return 'no address of this machine. Name another host';
  return message;
}
