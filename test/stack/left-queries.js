// A service whose clients leave while its database is at work, and the clients. What it calls a database makes the spans of one.
import http from 'node:http';
import { SpanKind, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('a-database');

const server = http.createServer((_request, response) => {
  const attributes = { 'db.system.name': 'postgresql' };
  const span = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, attributes });
  setTimeout(() => {
    span.end();
    response.end();
  }, 300);
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  console.log(`listening on http://127.0.0.1:${port}`);
  setInterval(() => {
    const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
    setTimeout(() => request.destroy(), 100);
  }, 500);
});
