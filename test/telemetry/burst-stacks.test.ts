/** Of a burst of outgoing operations the first ones keep a whole stack of who started them, the others the nearest frames. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation, type Host } from '../../src/index.ts';

it('the line that started an operation of a burst is known when it is near', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  let host: Host | undefined;
  const integration = {
    name: 'test',
    install(given: Host) {
      host = given;
      return () => {};
    },
  };
  const instrumentation = new CancellationInstrumentation({ integrations: [integration] });
  instrumentation.setTracerProvider(provider);
  assert.ok(host !== undefined);
  const known = host;
  const incoming = known.start({ side: 'server', system: 'http', name: 'incoming', attributes: {} });
  const start = (name: string) => known.start({ side: 'client', system: 'http', name, attributes: {} });
  const near = () => start('near');
  const far = (depth: number): unknown => (depth > 0 ? far(depth - 1) : start('far'));
  known.run(
    incoming,
    function handle() {
      for (let count = 0; count < 150; count++) known.settle(start('over'));
      near();
      far(8);
    },
    undefined,
    [],
  );
  known.cancel(incoming, { kind: 'peer-gone', phase: 'handle' });
  known.settle(incoming);
  const [span] = exporter.getFinishedSpans().filter(({ name }) => name === 'incoming');
  const origins = (span?.events ?? [])
    .filter(({ name }) => name === 'cancel.pending')
    .map(({ attributes }) => String(attributes?.['cancel.pending.origin']).replace(/ .*/, ''));
  assert.deepEqual(origins, ['start', 'start']);
  instrumentation.disable();
});
