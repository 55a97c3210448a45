import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeName } from '../support/cache.ts';
import { assertOuting, hasAll, plainApp, visit } from '../support/outing.ts';
import { follow } from '../support/recipe.ts';
import { startSentryReceiver } from '../support/sentry-receiver.ts';
import { ownName } from '../support/tarball.ts';

const scopes = {
  server: 'auto.http.http_server',
  fetch: 'auto.http.node_fetch',
  http: 'auto.http.client',
} as const;

const nodes: NodeName[] = ['22', '24'];
for (const node of nodes) {
  describe(`Sentry on Node ${node}`, () => {
    const { folder, files, runs, install } = follow('Sentry', { node, type: 'commonjs' });
    const [file = '', text = ''] = [...files][0] ?? [];
    const [run = ''] = runs;

    it('installs', async () => {
      folder.write('app.js', plainApp);
      folder.write('default.mjs', text.replace(', enableOpenTelemetrySetup: true', ''));
      folder.write('sentry-only.mjs', text.replace(/import \{ Canc.*\n|, enable\w+: true|^new .*\n/gm, ''));
      folder.write('ours-first.mjs', text.replace(/(Sentry\.init.*\n)(new .*\n)/, '$2$1'));
      await install();
    });

    const variants = {
      "tags Sentry's spans": run,
      "tags Sentry's spans, ours first": run.replace(file, 'ours-first.mjs'),
      "tags Sentry's spans outside of OpenTelemetry": run.replace(file, 'default.mjs'),
    };
    for (const [name, line] of Object.entries(variants)) {
      it(name, async () => {
        const receiver = await startSentryReceiver();
        const { stderr } = await folder.observe(
          line,
          async (url) => {
            await visit(url);
            for (let waitedMs = 0; !hasAll(receiver.spans) && waitedMs < 10_000; waitedMs += 50)
              await sleep(50);
          },
          () => true,
          { SENTRY_DSN: receiver.dsn },
        );
        receiver.close();
        folder.check(() => {
          assertOuting(receiver.spans, scopes);
          assert.equal(stderr, '');
        });
      });
    }

    it('says that its spans are not marked where register makes spans', async () => {
      const receiver = await startSentryReceiver();
      const { spans, stderr } = await folder.observe(
        run.replace(`./${file}`, `${ownName}/register --import ./sentry-only.mjs`),
        visit,
        hasAll,
        { SENTRY_DSN: receiver.dsn },
      );
      receiver.close();
      folder.check(() => {
        const ofApp = spans.filter(
          ({ attributes }) => !String(attributes['url.full']).includes('/envelope/'),
        );
        assertOuting(ofApp, { server: ownName, fetch: ownName, http: ownName });
        assert.match(stderr, /^[^\n]+: the spans of @sentry\/node are not marked: [^\n]+\n$/);
      });
    });
  });
}
