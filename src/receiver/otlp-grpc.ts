/**
 * OTLP/gRPC. Of metrics and logs as much as OTLP/HTTP has here: they are taken, and not kept.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
 */
import { promisify } from 'node:util';
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { otlpOfProtobuf } from '../spans/otlp-protobuf.ts';
import { type Keep, MAX_REQUEST_BYTES, RefusedError, takeRequest } from './intake.ts';
import { encodeSuccess } from './otlp-http.ts';

export interface GrpcReceiver {
  readonly port: number;
  close(): void;
}

/** @throws {Error} when the address cannot be had */
export async function listenGrpc(host: string, port: number, keep: Keep): Promise<GrpcReceiver> {
  const server = new Server({ 'grpc.max_receive_message_length': MAX_REQUEST_BYTES });
  server.addService(serviceOf('trace.v1.TraceService'), { Export: exportTo(keep) });
  for (const other of ['metrics.v1.MetricsService', 'logs.v1.LogsService']) {
    server.addService(serviceOf(other), { Export: (_: unknown, done: Done) => done(null, Buffer.alloc(0)) });
  }
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const bind = promisify(server.bindAsync.bind(server));
  const bound = await bind(address, ServerCredentials.createInsecure());
  return { port: bound, close: () => server.forceShutdown() };
}

type Done = (error: { code: status; details: string } | null, answer?: Buffer) => void;

/** Messages stay bytes here: they are read as those of OTLP/HTTP are. */
function serviceOf(name: string): ServiceDefinition {
  return {
    Export: {
      path: `/opentelemetry.proto.collector.${name}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  };
}

function exportTo(keep: Keep): handleUnaryCall<Buffer, Buffer> {
  return ({ request }, done) => {
    exported(request, keep).then(
      (answer) => done(null, answer),
      (error: Error) => {
        const isRefused = error instanceof RefusedError && error.statusCode !== 503;
        done({ code: isRefused ? status.INVALID_ARGUMENT : status.UNAVAILABLE, details: error.message });
      },
    );
  };
}

async function exported(request: Buffer, keep: Keep): Promise<Buffer> {
  let decoded: unknown;
  try {
    decoded = otlpOfProtobuf(request);
  } catch (error) {
    throw new RefusedError(400, `no protobuf: ${(error as Error).message}`);
  }
  return Buffer.from(encodeSuccess(await takeRequest(decoded, keep)));
}
