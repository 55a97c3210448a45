/**
 * Every command of the documentation: some run here, some by another test, which is named, and some cannot, with the
 * reason. A new command has to be put in here; one that is gone has to be taken out.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { filesByGroup, matching } from '../runner/groups.ts';
import { commandsIn, pages, readPage, root } from './pages.ts';
import { Folder } from './transcripts.ts';

type Place =
  | { readonly here: string }
  | { readonly by: string }
  /** Why nobody runs it. */
  | { readonly not: string };

/** Whole pages of which each command is run. */
const PAGES: Readonly<Record<string, Place>> = {
  'docs/troubleshooting.md': { by: 'test/docs/troubleshooting.test.ts' },
  'docs/model-apis.md': { by: 'test/docs/model-apis.test.ts' },
  'docs/set-ups.md': { by: 'test/setups' },
  'docs/comply.md': { by: 'test/docs/comply.test.ts' },
};

const OURS = 'opentelemetry-instrumentation-cancellation';
const COMMANDS: readonly [pattern: RegExp, place: Place][] = [
  [RegExp(`^npm install ${OURS}( @opentelemetry/api)?$`), { by: 'test/setups/support/readme.ts' }],
  [
    /^npm run test:versions( -- --(all|write|node <binary>))?$/,
    { not: 'it takes many minutes, before a release' },
  ],
  [/^npm run test:setups -- --write$/, { not: 'it writes into the README what test:setups has found' }],
  [RegExp(`^[^#]*node --(import|require) ${OURS}/register app\\.js$`), { here: 'runs an application' }],
  [/^yarn node --import$/, { by: 'test/setups/support/matrix.ts' }],
  [/^NODE_OPTIONS=.*npm start$/, { here: 'runs an application' }],
  [/-e "http\.createServer/, { here: 'prints the first span' }],
  [/^curl --max-time 0\.2/, { here: 'prints the first span' }],
  [RegExp(`node --import ${OURS}/register examples/shop/`), { by: 'test/examples/demo.test.ts' }],
  [/npm run demo$/, { by: 'test/examples/demo.test.ts' }],
  [RegExp(`^npx (cancel-trace|${OURS}) run -- (node app\\.js|npm start)$`), { by: 'test/cli/desk.test.ts' }],
  [/^npx cancel-trace view/, { by: 'test/cli/desk.test.ts' }],
  [/^npx cancel-trace capture /, { by: 'test/stack/capture.test.ts' }],
  [/^npx cancel-trace record /, { by: 'test/cli/record-programs.test.ts' }],
  [/^npx cancel-trace comply /, { by: 'test/docs/comply.test.ts' }],
  [/^npx cancel-trace timeline recording$/, { by: 'test/stack/timeline/verdicts.test.ts' }],
  [/^npx cancel-trace timeline spans/, { by: 'test/timeline/spans.test.ts' }],
  [/^npx cancel-trace check/, { by: 'test/cli/check.test.ts' }],
  [/^npx cancel-trace doctor( --send)?$/, { by: 'test/cli/doctor.test.ts' }],
  [/^npx cancel-trace doctor .*-- /, { by: 'test/cli/doctor-programs.test.ts' }],
  [
    /^npx cancel-trace report spans\.jsonl( --output report\.html)?$/,
    { by: 'test/cli/report-formats.test.ts' },
  ],
  [/^npx cancel-trace report spans\.jsonl /, { by: 'test/docs/ci.test.ts' }],
  [/^zcat .* npx cancel-trace report - /, { by: 'test/docs/ci.test.ts' }],
  [/^npx cancel-trace report http/, { by: 'test/stack/jaeger/report-pages.test.ts' }],
  [RegExp(`^npx ${OURS} report`), { by: 'test/stack/jaeger/report.test.ts' }],
  [/^npm (test|run test:(deep|stack|setups))( -- \w[\w ./-]*)?$/, { here: 'chooses files' }],
  [/^npm ci( && npm test)?$/, { by: '.ci/run' }],
  [/^npm run (lint|build)$/, { by: '.ci/run' }],
  [/^npm run model$/, { by: 'test/telemetry/model.test.ts' }],
  [/^bash \.ci\/run$/, { not: 'it is what runs all of this' }],
  [/^bash \.ci\/other-nodes$/, { by: '.ci/run' }],
  [
    /^sudo bash \.ci\/(monitoring-tools|container-engine|databases|chromium|capture-tools)$/,
    { by: '.ci/run' },
  ],
  [/^node --import tsx test\/config\.test\.ts$/, { by: 'test/config.test.ts' }],
  [/^node --import tsx test\/suites\/compare\.ts/, { not: 'it needs the test files of another project' }],
  [/^PICTURES=write npm run test:stack/, { not: 'it writes what tests compare with' }],
  [/^node --import tsx tools\/pictures\.ts/, { not: 'it needs Chromium, and a Jaeger with web pages' }],
  [/^npm run test:leaks/, { by: 'test/memory/memory.test.ts' }],
  [/^npm run fuzz$/, { by: 'test/fuzz/differential.test.ts' }],
  [/^npm run test:storm/, { by: 'test/storm/storm.test.ts' }],
  [/npm run bench/, { not: 'it takes minutes, and a machine that has nothing else to do' }],
  [
    /^docker compose (-f node_modules\/\S+ )?(--profile shop )?(up|down)\b/,
    { by: 'test/stack/containers/stack.test.ts' },
  ],
  [/^docker compose logs /, { not: 'it is for a stack with a fault' }],
  [/docker compose -f deploy\/scale-out/, { by: 'test/stack/containers/scale-out.test.ts' }],
  [/^amtool check-config /, { by: 'test/stack/alerts/alertmanager.test.ts' }],
  [/^amtool config routes test /, { by: 'test/stack/alerts/alertmanager.test.ts' }],
  [/^promtool check rules/, { by: 'test/stack/alerts/rules.test.ts' }],
];

const documented = pages
  .filter((page) => page !== 'CHANGELOG.md' && PAGES[page] === undefined)
  .flatMap((page) => commandsIn(readPage(page)).map((command) => ({ page, command })));

describe('a command of the documentation', () => {
  for (const { page, command } of documented) {
    it(`has its place: ${command} (${page})`, () => {
      const place = COMMANDS.find(([pattern]) => pattern.test(command))?.[1];
      assert.ok(place, 'is it run here, by another test, or can it not be?');
      if ('by' in place) assert.ok(existsSync(join(root, place.by)), place.by);
    });

    const [, script] = /npm run ([\w:]+)/.exec(command) ?? [];
    if (script !== undefined) {
      it(`is a script: ${command} (${page})`, () => {
        const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
        assert.ok(scripts[script]);
      });
    }

    const [, name = 'fast', words] =
      /^npm (?:test|run test:(deep|stack|setups)) -- (\w[\w ./-]*)$/.exec(command) ?? [];
    if (words !== undefined) {
      it(`chooses files: ${command} (${page})`, () => {
        const files = filesByGroup(join(root, 'test')).get(name) ?? [];
        for (const word of words.split(' ')) assert.notEqual(matching(files, [word]).length, 0, word);
      });
    }
  }

  it('is not forgotten when it is gone', () => {
    const unused = COMMANDS.filter(([pattern]) => !documented.some(({ command }) => pattern.test(command)));
    assert.deepEqual(
      unused.map(([pattern]) => pattern),
      [],
    );
  });
});

describe('an application that is run as the documentation says', () => {
  // A client that leaves a server, and both are gone.
  const folder = new Folder(readPage('docs/troubleshooting.md'));
  const application = readFileSync(join(folder.path, 'try.mjs'));
  writeFileSync(join(folder.path, 'app.js'), application);
  const start = { type: 'module', scripts: { start: 'node app.js' } };
  writeFileSync(join(folder.path, 'package.json'), JSON.stringify(start));
  after(() => folder.remove());

  const commands = documented
    .map(({ command }) => command)
    .filter((command) => !command.startsWith('npx ') && / app\.js$| npm start$/.test(command));
  for (const command of new Set(commands)) {
    it(`is instrumented: ${command}`, async () => {
      const output = await folder.run(command, {
        OTEL_TRACES_EXPORTER: 'console',
        OTEL_METRICS_EXPORTER: 'none',
      });
      assert.equal(output.match(/'context\.canceled': true/g)?.length, 2, output);
    });
  }

  it("prints the first span, with the README's attributes", async (t) => {
    if (spawnSync('curl', ['--version']).error !== undefined) return t.skip('curl is not there');
    const readme = readPage('README.md');
    const [serve, leave] = commandsIn(readme).filter((command) => command.includes('3000'));
    const attributes = [...readme.matchAll(/^ {4}('[\w.]+': .*)$/gm)].map(([, line]) => String(line));
    assert.ok(serve !== undefined && leave !== undefined && attributes.length === 5);
    const port = await freePort();
    const here = (command: string): string => `exec ${command.replaceAll('3000', String(port))}`;
    const server = shell(here(serve.replace(/^(\S+=\S+) /, 'env $1 ')));
    let output = '';
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await listening(port);
    const [code] = await once(shell(here(leave)), 'close');
    assert.equal(code, 28, 'curl: operation timed out');
    while (!output.includes('events:')) await once(server.stdout as NodeJS.EventEmitter, 'data');
    server.kill();
    for (const attribute of attributes) assert.ok(output.includes(attribute.replace(/,$/, '')), attribute);
  });

  function shell(command: string): ChildProcess {
    return spawn('sh', ['-c', command], { cwd: folder.path, stdio: ['ignore', 'pipe', 'ignore'] });
  }
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A client that connects and leaves makes no request, hence no span. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = net.connect(port, 'localhost');
    const isThere = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
    socket.destroy();
    if (isThere) return;
  }
}
