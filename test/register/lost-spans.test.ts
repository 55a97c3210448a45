/** Each span that ended has arrived, or is counted as lost on stderr: to the last one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ExportHealth } from '../../src/register/export-health.ts';
import { lostIn, RECEIVERS, startBadReceiver } from '../support/bad-receivers.ts';
import { entry, preamble, root, runApp } from './app.ts';

/** As many at once, so that nothing can leave in between. */
const burst = (spans: number): string => `for (let i = 0; i < ${spans}; i++) span();`;
const aWhile = 'await new Promise((resolve) => setTimeout(resolve, 300));';

const programs: [name: string, text: string, spans: number, env?: Record<string, string>][] = [
  ['more than wait and are on their way', burst(5_000), 5_000],
  ['the same again, when those are gone', `${burst(5_000)} ${aWhile} ${burst(5_000)} ${aWhile}`, 10_000],
  [
    'exports of more than 2,048',
    burst(5_000) + aWhile,
    5_000,
    { OTEL_BSP_MAX_QUEUE_SIZE: '8192', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4096' },
  ],
  [
    'one a turn, each an export',
    `for (let i = 0; i < 60; i++) { span(); await null; }`,
    60,
    { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' },
  ],
];

describe('spans', () => {
  for (const [name, text, spans, env] of programs) {
    for (const receiver of ['takes all', 'answers 500', 'rejects some of each', 'fails every other time']) {
      it(`${name}: taken or counted, where the receiver ${receiver}`, async () => {
        const { url, ...bad } = await startBadReceiver(RECEIVERS[receiver]);
        try {
          const { stderr, code } = await runApp(preamble + text, {
            env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...env },
          });
          assert.equal(code, 0);
          assert.equal(bad.taken() + lostIn(stderr), spans, stderr);
        } finally {
          await bad.close();
        }
      });
    }
  }

  it('that wait are held up by none that cannot be written', async () => {
    const { url, ...bad } = await startBadReceiver(RECEIVERS['takes all']);
    const hostile = `import { context, TraceFlags } from '@opentelemetry/api';
      const traceState = { get() {}, set() { return this; }, unset() { return this; }, serialize() { throw new Error('no text'); } };
      const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED, traceState };
      const tracer = trace.getTracer('test');
      for (let i = 0; i < 100; i++) span();
      tracer.startSpan('odd', {}, trace.setSpanContext(context.active(), parent)).end();
      for (let i = 0; i < 100; i++) span();
      await trace.getTracerProvider().getDelegate().forceFlush();`;
    try {
      const { stderr } = await runApp(preamble + hostile, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } });
      assert.match(stderr, /no text/);
      assert.deepEqual([bad.taken(), lostIn(stderr)], [200, 1]);
    } finally {
      await bad.close();
    }
  });

  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  );
  it('are counted, and it is said once why, where no thread may be started', async () => {
    const { stderr, code } = await runApp(`${preamble} ${burst(3_000)} ${aWhile} span();`, {
      flags: ['--no-warnings', String(permission), '--allow-fs-read=*', '--import', entry],
      cwd: root,
    });
    assert.equal(code, 0);
    const [first, last, ...more] = stderr.trim().split('\n');
    assert.match(String(first), /spans are not exported to \S+: .*--allow-worker/);
    assert.match(String(last), /3001 spans were lost at the end/);
    assert.deepEqual(more, []);
  });
});

describe('exports that fail now and then', () => {
  it('are told three times at once, then once in ten minutes, and each span that is lost', () => {
    const said: string[] = [];
    let nowMs = 0;
    const health = new ExportHealth(
      'spans',
      'http://receiver/',
      (line) => said.push(line),
      () => nowMs,
    );
    const outage = (): void => {
      nowMs += 1_000;
      health.failed(1, new Error('busy'));
      health.succeeded();
    };
    for (let times = 0; times < 3; times++) outage();
    assert.equal(said.length, 6);
    for (let times = 0; times < 500; times++) outage();
    assert.equal(said.length, 6);
    nowMs += 100_000;
    outage();
    assert.match(
      said.splice(6).join('\n'),
      /^spans are not exported .*: busy\.\nspans are exported again .*; 501 spans were lost in between\.$/,
    );
    outage();
    health.ending();
    health.ended();
    assert.deepEqual(said.splice(6), ['1 span was lost, not exported to http://receiver/: busy.']);
  });

  it('lose nothing of the count where one export fails at the end and another does not', () => {
    const said: string[] = [];
    const health = new ExportHealth('spans', 'http://receiver/', (line) => said.push(line));
    health.ending();
    health.failed(5, new Error('busy'));
    health.succeeded();
    health.ended();
    assert.deepEqual(said, ['5 spans were lost, not exported to http://receiver/: busy.']);
  });
});
