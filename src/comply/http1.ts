/** A request over HTTP/1.1. Once its connection is closed, nothing more is seen of it. */
import http from 'node:http';
import type { Answer } from './answer.ts';
import type { Ask, Exchange } from './exchange.ts';
import { connect, type Target } from './target.ts';

export async function connectHttp1(target: Target, ask: Ask): Promise<Exchange> {
  const socket = await connect(target);
  const startMs = performance.now();
  const request = http.request({
    createConnection: () => socket,
    method: target.method,
    path: ask.path,
    headers: {
      host: target.url.host,
      ...(target.body === undefined ? {} : { 'content-length': String(target.body.length) }),
      ...target.headers,
      ...ask.headers,
    },
  });
  const ended = new Promise<Answer>((resolve) => {
    const end = (how: Answer['how'], status?: number): void => {
      clearTimeout(timer);
      const tookMs = performance.now() - startMs;
      resolve({ how, status, grpcStatus: undefined, resetCode: undefined, tookMs });
      socket.destroy();
    };
    const timer = setTimeout(() => end('silent'), ask.limitMs);
    request.on('error', () => end('closed'));
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => end('answered', response.statusCode));
      response.on('error', () => end('closed'));
      response.on('close', () => end('closed'));
    });
    request.on('close', () => socket.destroyed && end('closed'));
  });
  request.end(target.body);
  const close = (): void => void socket.destroy();
  return { ended, leave: close, close };
}
