// The floor for gRPC: what anybody pays who wants these spans, written straight into the application.
// Attribute names are spelled out here on purpose: the floor must not share code with what it is compared with.
import type * as Grpc from '@grpc/grpc-js';
import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { recordCancel } from './floor-cancel.ts';
import type { Caller, EchoClient, Handler, Item } from './grpc.ts';

const kSpan = Symbol('span');
type TracedCall = Grpc.ClientUnaryCall & { [kSpan]?: Span };

const tracer = trace.getTracer('floor');

const metadataSetter = {
  set: (metadata: Grpc.Metadata, key: string, value: string) => metadata.set(key, value),
};
const metadataGetter = {
  get: (metadata: Grpc.Metadata, key: string) => metadata.get(key).map(String),
  keys: (metadata: Grpc.Metadata) => Object.keys(metadata.getMap()),
};

export function floorCaller(grpc: typeof Grpc, client: EchoClient, port: number): Caller {
  const names = { unary: 'bench.Echo/Unary', hang: 'bench.Echo/Hang' };
  return {
    start(method, item, options, done) {
      const name = names[method];
      const span = tracer.startSpan(name, {
        kind: SpanKind.CLIENT,
        attributes: {
          'rpc.system.name': 'grpc',
          'rpc.method': name,
          'server.address': '127.0.0.1',
          'server.port': port,
        },
      });
      const metadata = new grpc.Metadata();
      propagation.inject(trace.setSpan(context.active(), span), metadata, metadataSetter);
      if (!span.isRecording()) return client[method](item, metadata, options, done);
      const deadlineMs = options.deadline as number | undefined;
      if (deadlineMs !== undefined) startDeadline(span, deadlineMs, 'option');
      const call = client[method](item, metadata, options, (error, reply) => {
        recordPeer(span, call.getPeer());
        recordStatus(grpc, span, error?.code ?? grpc.status.OK);
        if (error !== null) {
          span.setAttribute('error.type', grpc.status[error.code] ?? String(error.code));
          span.setStatus({ code: SpanStatusCode.ERROR, message: error.details });
        }
        if (deadlineMs !== undefined) endDeadline(span, deadlineMs);
        span.end();
        done(error, reply);
      }) as TracedCall;
      call[kSpan] = span;
      return call;
    },
    cancel(call) {
      const span = (call as TracedCall)[kSpan];
      if (span !== undefined) {
        span.setAttribute('rpc.grpc.rst_code', 8);
        recordCancel(
          span,
          { initiator: 'local', trigger: 'cancel', phase: 'wait', reason: 'Cancelled on client' },
          new Error().stack,
        );
      }
      call.cancel();
    },
  };
}

export function floorHandler(grpc: typeof Grpc, name: string, port: number, handler: Handler): Handler {
  return (call, answer) => {
    const parent = propagation.extract(ROOT_CONTEXT, call.metadata, metadataGetter);
    const span = tracer.startSpan(
      name,
      {
        kind: SpanKind.SERVER,
        attributes: {
          'rpc.system.name': 'grpc',
          'rpc.method': name,
          'server.address': '127.0.0.1',
          'server.port': port,
        },
      },
      parent,
    );
    if (!span.isRecording()) {
      context.with(trace.setSpan(parent, span), handler, undefined, call, answer);
      return;
    }
    recordPeer(span, call.getPeer());
    const deadlineMs = call.getDeadline() as number;
    const isLimited = deadlineMs !== Number.POSITIVE_INFINITY;
    if (isLimited) startDeadline(span, deadlineMs, 'grpc-timeout');
    let isSettled = false;
    const settle = (code: number) => {
      isSettled = true;
      recordStatus(grpc, span, code);
      if (isLimited) endDeadline(span, deadlineMs);
      span.end();
    };
    call.on('cancelled', () => {
      // grpc-js says so at the end of every call; it means a cancel only when nothing was answered.
      if (isSettled) return;
      span.setAttribute('rpc.grpc.rst_code', 8);
      recordCancel(span, { initiator: 'peer', trigger: 'reset', phase: 'write' });
      settle(grpc.status.CANCELLED);
    });
    const settledAnswer: Grpc.sendUnaryData<Item> = (error, reply, trailer, flags) => {
      if (!isSettled) settle(error?.code ?? grpc.status.OK);
      answer(error, reply, trailer, flags);
    };
    context.with(trace.setSpan(parent, span), () => handler(call, settledAnswer));
  };
}

function recordPeer(span: Span, peer: string): void {
  const colon = peer.lastIndexOf(':');
  span.setAttribute('network.peer.address', peer.slice(0, colon));
  span.setAttribute('network.peer.port', Number(peer.slice(colon + 1)));
}

function recordStatus(grpc: typeof Grpc, span: Span, code: number): void {
  span.setAttribute('rpc.status_code', grpc.status[code] ?? String(code));
}

function startDeadline(span: Span, deadlineMs: number, source: string): void {
  span.setAttribute('deadline.timeout_ms', deadlineMs - Date.now());
  span.setAttribute('deadline.source', source);
}

function endDeadline(span: Span, deadlineMs: number): void {
  span.setAttribute('deadline.deviation_ms', Date.now() - deadlineMs);
}
