/** A Connect service with a unary and a streaming method, described without generated code. */
import http2 from 'node:http2';
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { type CallOptions, Code, ConnectError, createClient, type HandlerContext } from '@connectrpc/connect';
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import type { Http2Lab } from './lab.ts';

export const PROTOCOLS = ['connect', 'grpc', 'grpc-web'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** google.protobuf.StringValue */
interface Message {
  readonly value?: string;
}

export interface EchoClient {
  unary(message: Message, options?: CallOptions): Promise<Message>;
  serverStream(message: Message, options?: CallOptions): AsyncIterable<Message>;
}

export class ConnectService {
  /** Called when the next call has reached its handler, which never ends by itself unless this returns a promise. */
  onCall: (context: HandlerContext) => Promise<void> = forever;
  readonly #server: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();

  constructor(lab: Http2Lab) {
    const handle = async (_message: Message, context: HandlerContext): Promise<Message> => {
      await this.onCall(context);
      return { value: 'pong' };
    };
    const handleStream = async function* (
      this: ConnectService,
      _message: Message,
      context: HandlerContext,
    ): AsyncIterable<Message> {
      yield { value: 'pong' };
      await this.onCall(context);
    }.bind(this);
    this.#server = http2.createServer(
      connectNodeAdapter({
        routes(router) {
          router.service(service, { unary: handle, serverStream: handleStream } as never);
        },
      }),
    );
    this.#server.on('session', (session) => this.#sessions.add(session));
    lab.onClose(() => {
      for (const session of this.#sessions) session.destroy();
      this.#server.close();
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** Makes the next call's handler wait for ever; resolves when it has been called. */
  entered(): Promise<HandlerContext> {
    return new Promise((resolve) => {
      this.onCall = (context) => {
        resolve(context);
        return forever();
      };
    });
  }
}

export function connectClient(protocol: Protocol, baseUrl: string, lab: Http2Lab): EchoClient {
  const sessionManager = new Http2SessionManager(baseUrl);
  lab.onClose(() => sessionManager.abort());
  const options = { baseUrl, httpVersion: '2', sessionManager } as const;
  const transports = {
    connect: createConnectTransport,
    grpc: createGrpcTransport,
    'grpc-web': createGrpcWebTransport,
  };
  return createClient(service, transports[protocol](options)) as unknown as EchoClient;
}

/** @param require what it loads, official instrumentations see */
export function connectClientOverHttp1(
  require: NodeJS.Require,
  protocol: 'connect' | 'grpc-web',
  baseUrl: string,
): EchoClient {
  const connect = require('@connectrpc/connect') as typeof import('@connectrpc/connect');
  const node = require('@connectrpc/connect-node') as typeof import('@connectrpc/connect-node');
  const make = protocol === 'connect' ? node.createConnectTransport : node.createGrpcWebTransport;
  return connect.createClient(service, make({ baseUrl, httpVersion: '1.1' })) as unknown as EchoClient;
}

/** Waits for the end of a call; returns its code. */
export async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  }
}

export async function canceledByServer(): Promise<never> {
  throw new ConnectError('not today', Code.Canceled);
}

function forever(): Promise<void> {
  return new Promise(() => {});
}

const service = describe();

function describe(): DescService {
  const type = '.google.protobuf.StringValue';
  const file = create(FileDescriptorProtoSchema, {
    name: 'echo.proto',
    package: 'test',
    syntax: 'proto3',
    dependency: [file_google_protobuf_wrappers.proto.name],
    service: [
      {
        name: 'Echo',
        method: [
          { name: 'unary', inputType: type, outputType: type },
          { name: 'serverStream', inputType: type, outputType: type, serverStreaming: true },
        ],
      },
    ],
  });
  const files = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] });
  const found = createFileRegistry(files).getService('test.Echo');
  if (found === undefined) throw new Error('the descriptor has no service');
  return found;
}
