/** Operations that are in flight until the test says otherwise: a gRPC service, a server of HTTP and one of HTTP/2. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import type { CallOptions } from '@grpc/grpc-js';
import {
  type Answer,
  drain,
  GrpcService,
  type Kind,
  loadGrpc,
  type ServerCall,
  startCall,
} from '../integrations/grpc/service.ts';
import { Http2Lab } from '../integrations/http2/lab.ts';

/** To be called when the telemetry is there, and once. It is closed after the tests. */
export async function startInFlightLab() {
  const { default: http } = await import('node:http');
  const grpc = await new GrpcService(loadGrpc()).listen();
  const client = await grpc.client();
  const http2 = new Http2Lab();
  let arrive: (response: ServerResponse) => void = () => {};
  const server = http.createServer((_request, response) => arrive(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');

  after(() => {
    grpc.close();
    server.close().closeAllConnections();
    return http2.close();
  });

  return {
    http,
    http2,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,

    /** A call whose handler only waits. Resolves when it does. */
    async heldCall(kind: Kind, options?: CallOptions) {
      const entered = grpc.hold();
      let answer: Answer | undefined;
      const { handler } = grpc;
      grpc.handler = (serverCall, callback) => {
        answer = callback;
        handler(serverCall, callback);
      };
      const { call, ended } = startCall(client, kind, options);
      drain(call);
      const serverCall: ServerCall = await entered;
      return { call, ended, serverCall, answer };
    },

    /** The next request of HTTP. */
    arrived: (): Promise<ServerResponse> =>
      new Promise((resolve) => {
        arrive = resolve;
      }),
  };
}

export function answerHttp2(stream: ServerHttp2Stream): void {
  stream.respond();
  stream.end('late');
}
