import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertOuting, handlers, hasAll, visit } from '../support/outing.ts';
import { follow } from '../support/recipe.ts';
import { ownName } from '../support/tarball.ts';
import { stay } from '../support/visitors.ts';

const quiet = { NEXT_TELEMETRY_DISABLED: '1' };

describe('Next.js 16 with @vercel/otel', () => {
  const { folder, runs, install } = follow('Next.js', { node: '24', type: 'module' });
  const [build = '', start = ''] = runs;
  // Next.js listens on every address by default.
  const run = start.replace('npx next start', 'node node_modules/next/dist/bin/next start -H 127.0.0.1');

  it('installs and builds', async () => {
    for (const name of ['slow', 'out'])
      folder.write(
        `app/${name}/route.js`,
        `import http from 'node:http';
import net from 'node:net';
export const dynamic = 'force-dynamic';
${handlers}
export async function GET() {
  return Response.json(await ${name}());
}
`,
      );
    folder.write('app/layout.js', layout);
    folder.write('public/ready.txt', 'ready');
    folder.write('next.config.mjs', `export default { turbopack: { root: import.meta.dirname } };\n`);
    await install('npm install next@16 react react-dom typescript@5 @types/node @types/react');
    await folder.run(build, quiet);
  });

  it('tags the spans of Next.js', async () => {
    const { spans, stderr } = await folder.observe(run, visitWhenReady, hasAll, quiet);
    folder.check(() => {
      assertOuting(spans, { server: 'next.js', fetch: 'next.js', http: ownName }, false);
      assert.equal(stderr, '');
    });
  });

  it('tags the spans of Next.js by register, without an instrumentation file of its own', async () => {
    // As it is built without one.
    await folder.run('rm .next/server/instrumentation.js');
    const { spans, stderr } = await folder.observe(
      `NODE_OPTIONS='--import ${ownName}/register' ${run}`,
      visitWhenReady,
      hasAll,
      quiet,
    );
    folder.check(() => {
      assertOuting(spans, { server: 'next.js', fetch: 'next.js', http: ownName }, false);
      assert.equal(stderr, '');
    });
  });
});

/** It listens before instrumentation.ts has run. A static file has no span. */
async function visitWhenReady(url: string): Promise<void> {
  await stay(`${url}/ready.txt`);
  await sleep(1_000);
  await visit(url);
}

const layout = `export default function Layout({ children }) {
  return <html><body>{children}</body></html>;
}
`;
