import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { answerAtOnce, GrpcService, loadGrpc, startCall } from '../../integrations/grpc/service.ts';
import { startJaeger } from '../../support/jaeger.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { eventually, getTrace } from '../../support/jaeger-query.ts';
import { scriptFile } from '../../support/script.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';

const found = await findOrBuildJaeger();
const skip = 'unavailable' in found ? found.unavailable : false;
const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const proxyScript = scriptFile('../../support/rewriting-proxy.ts', import.meta.url);

/** @returns its exit status and what it wrote */
function report(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, 'report', ...args], (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

test('the report of what a real Jaeger has names a deadline that a proxy took away', { skip }, async (t) => {
  const jaeger = await startJaeger((found as { binary: string }).binary);
  t.after(() => jaeger.stop());
  const telemetry = new Telemetry(setup);
  const service = await new GrpcService(loadGrpc()).listen();
  t.after(() => service.close());
  service.handler = answerAtOnce;
  const flags = [proxyScript, String(service.port), 'grpc-timeout', '90 S'];
  const proxy = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => proxy.kill('SIGKILL'));
  const [port] = await once(proxy.stdout, 'data');

  telemetry.reset(); // of the questions whether Jaeger is there
  const client = await service.client(`127.0.0.1:${Number(port)}`);
  assert.equal(await startCall(client, 'unary', { deadline: Date.now() + 5_000 }).ended, null);
  await telemetry.allEnded();
  const spans = [...telemetry.ended];
  const exporter = new OTLPTraceExporter({ url: `${jaeger.otlpHttpUrl}/v1/traces` });
  await new Promise((resolve, reject) =>
    exporter.export(spans, ({ error }) => (error ? reject(error) : resolve(undefined))),
  );
  const traceId = String(spans[0]?.spanContext().traceId);
  await eventually(
    async () => (await getTrace(jaeger.queryUrl, traceId)).length === 2 || undefined,
    'both spans',
  );

  const { status, stdout, stderr } = await report(jaeger.queryUrl, '--since', '5');
  assert.equal(status, 1, stderr);
  assert.match(stdout, /^timeout_malformed {2}1$/m);
  assert.match(stdout, new RegExp(`^ {2}trace ${traceId} `, 'm'));
  assert.match(stdout, /^1 findings in 2 spans$/m);
  const ofNobody = await report(jaeger.queryUrl, '--service', 'nobody');
  assert.match(ofNobody.stderr, /: no service nobody, only \S+/);
});
