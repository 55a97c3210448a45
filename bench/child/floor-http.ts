// The floor for HTTP: what anybody pays who wants these spans, written straight into the application.
// Attribute names are spelled out here on purpose: the floor must not share code with what it is compared with.
import type * as Http from 'node:http';
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
import type { Handler, Requester } from './http.ts';

const kSpan = Symbol('span');
type TracedRequest = Http.ClientRequest & { [kSpan]?: Span };

const tracer = trace.getTracer('floor');

export function floorRequester(http: typeof Http): Requester {
  return {
    get(options, onResponse) {
      const span = tracer.startSpan('GET', {
        kind: SpanKind.CLIENT,
        attributes: {
          'http.request.method': 'GET',
          'url.full': `http://${options.host}:${options.port}${options.path}`,
          'server.address': String(options.host),
          'server.port': Number(options.port),
        },
      });
      const headers = {};
      propagation.inject(trace.setSpan(context.active(), span), headers);
      if (!span.isRecording()) return http.get({ ...options, headers }, onResponse);
      const request = http.get({ ...options, headers }, (response) => {
        span.setAttribute('http.response.status_code', response.statusCode ?? 0);
        span.setAttribute('network.protocol.version', response.httpVersion);
        span.setAttribute('network.peer.address', response.socket.remoteAddress ?? '');
        span.setAttribute('network.peer.port', response.socket.remotePort ?? 0);
        onResponse(response);
      }) as TracedRequest;
      request.on('error', (error) => {
        // An intended cancel is no error by the conventions.
        if (error.name === 'AbortError') return;
        span.setAttribute('error.type', error.name);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      });
      request.on('close', () => span.end());
      request[kSpan] = span;
      return request;
    },
    abort(request, controller, reason) {
      const span = (request as TracedRequest)[kSpan];
      if (span !== undefined) {
        const cancel = { initiator: 'local', trigger: 'abort', phase: 'receive', reason: reason.message };
        recordCancel(span, cancel, new Error().stack);
      }
      controller.abort(reason);
    },
  };
}

export function floorHandler(handler: Handler): Handler {
  return (request, response) => {
    const parent = propagation.extract(ROOT_CONTEXT, request.headers);
    const { socket } = request;
    const host = request.headers.host ?? '';
    const colon = host.lastIndexOf(':');
    const span = tracer.startSpan(
      'GET',
      {
        kind: SpanKind.SERVER,
        attributes: {
          'http.request.method': request.method ?? '',
          'url.scheme': 'http',
          'url.path': request.url ?? '',
          'server.address': host.slice(0, colon),
          'server.port': Number(host.slice(colon + 1)),
          'client.address': socket.remoteAddress ?? '',
          'network.peer.address': socket.remoteAddress ?? '',
          'network.peer.port': socket.remotePort ?? 0,
          'network.protocol.version': request.httpVersion,
        },
      },
      parent,
    );
    if (span.isRecording()) endWith(response, span);
    context.with(trace.setSpan(parent, span), handler, undefined, request, response);
  };
}

function endWith(response: Http.ServerResponse, span: Span): void {
  response.on('close', () => {
    if (response.headersSent) span.setAttribute('http.response.status_code', response.statusCode);
    if (!response.writableFinished) {
      recordCancel(span, { initiator: 'peer', trigger: 'disconnect', phase: 'write' });
    }
    span.end();
  });
}
