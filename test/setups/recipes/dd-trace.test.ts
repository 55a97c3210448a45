import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertOuting, hasAll, plainApp, type SeenSpan, visit } from '../support/outing.ts';
import { follow } from '../support/recipe.ts';
import { ownName } from '../support/tarball.ts';

const scopes = { server: 'http', fetch: 'fetch', http: 'http' } as const;
/** Its spans go to stdout, as JSON, and nothing goes anywhere else. */
const env = {
  DD_TRACE_EXPERIMENTAL_EXPORTER: 'log',
  DD_TRACE_FLUSH_INTERVAL: '100',
  DD_TRACE_STARTUP_LOGS: 'false',
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
  DD_REMOTE_CONFIGURATION_ENABLED: 'false',
  DD_TRACE_DISABLED_PLUGINS: 'net,dns',
};

describe('dd-trace', () => {
  const { folder, files, runs, install } = follow('dd-trace', { node: '24', type: 'commonjs' });
  const [file = '', text = ''] = [...files][0] ?? [];
  const [run = ''] = runs;

  it('installs', async () => {
    folder.write('app.js', plainApp);
    folder.write('ours-first.mjs', text.replace(/(tracer\.init.*\n.*\n)(new Canc.*\n)/, '$2$1'));
    folder.write('no-bridge.mjs', text.replace(/.*\.register\(\);\n/, ''));
    await install();
  });

  for (const [name, line] of Object.entries({
    "tags dd-trace's own spans": run,
    "tags dd-trace's own spans, ours first": run.replace(file, 'ours-first.mjs'),
  })) {
    it(name, async () => {
      const { output, stderr } = await folder.observe(line, visit, (_, text) => hasAll(spansIn(text)), env);
      folder.check(() => {
        assertOuting(spansIn(output), scopes);
        assert.equal(stderr, '');
      });
    });
  }

  it('says what to do where its bridge is not registered', async () => {
    const { stderr } = await folder.observe(run.replace(file, 'no-bridge.mjs'), visit, () => true, env);
    folder.check(() => assert.match(stderr, /^[^\n]+no span to write it on: dd-trace keeps [^\n]+\n$/));
  });

  it('says what to do where its bridge uses another version of the API', async () => {
    await folder.install(`npm install ${ownName} @opentelemetry/api@~1.10.0`);
    const { stderr } = await folder.observe(run, visit, () => true, env);
    folder.check(() =>
      assert.match(stderr, /^[^\n]+through @opentelemetry\/api 1\.9\.\d+, another [^\n]+\n$/),
    );
  });
});

interface LoggedSpan {
  readonly meta: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
}

function spansIn(output: string): SeenSpan[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{"traces":'))
    .flatMap((line) => (JSON.parse(line) as { readonly traces: readonly LoggedSpan[][] }).traces.flat())
    .map(({ meta, metrics }) => ({
      kind: String(meta['span.kind']),
      scopeName: String(meta.component),
      attributes: { ...meta, ...metrics },
    }));
}
