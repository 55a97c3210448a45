/** What the package exports has an example in the documentation. */
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as api from '../../src/index.ts';
import { pages, readPage, root } from './pages.ts';

const FROM = 'opentelemetry-instrumentation-cancellation';
const blocks = pages.flatMap((page) =>
  [...readPage(page).matchAll(/^```(?:js|ts|mjs)\n(.*?)^```/gms)].map(([, block = '']) => block),
);
const imported = new Set(
  blocks.flatMap((block) =>
    [...block.matchAll(/import \{([^}]+)\} from '([^']+)'/g)].flatMap(([, names = '', from]) =>
      from === FROM ? names.split(',').map((name) => name.trim()) : [],
    ),
  ),
);

for (const name of Object.keys(api))
  it(`${name} has an example`, () => {
    assert.ok(imported.has(name), `no example in the documentation imports ${name}`);
  });

it('the hooks of docs/adding-a-library.md see what they say', async () => {
  const block = blocks.find((block) => block.includes('dnsIntegration')) ?? '';
  // In this package, whose name it imports.
  const folder = join(root, '.cache/exports');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'dns.mjs');
  writeFileSync(file, block);
  const { dnsIntegration, lookupsOf } = (await import(pathToFileURL(file).href)) as {
    dnsIntegration: api.Integration;
    lookupsOf: (host: api.Host, installation: api.Installation) => { servers: string[]; startMs: number };
  };
  let lookups: ReturnType<typeof lookupsOf> | undefined;
  const { lookup } = dns;
  const instrumentation = new api.CancellationInstrumentation({
    integrations: [
      {
        ...dnsIntegration,
        install(host, installation) {
          lookups = lookupsOf(host, installation);
          return dnsIntegration.install?.(host, installation) ?? (() => {});
        },
      },
    ],
  });
  try {
    assert.deepEqual(lookups?.servers, []);
    const servers = dns.getServers();
    assert.equal(lookups.servers, servers);
    assert.throws(() => dns.lookup('localhost', undefined as never), TypeError);
    assert.ok(lookups.startMs > 0);
  } finally {
    instrumentation.disable();
  }
  assert.equal(dns.lookup, lookup);
});
