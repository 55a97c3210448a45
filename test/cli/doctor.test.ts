/** The command `doctor`, over folders, variables and what listens at the exporter's address. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, beforeEach, describe, it } from 'node:test';
import { runCommand } from '../support/command.ts';

const OURS = 'opentelemetry-instrumentation-cancellation';
const API = '@opentelemetry/api';
const startedIn = process.cwd();
const folders: string[] = [];
const servers: net.Server[] = [];
after(() => {
  process.chdir(startedIn);
  for (const folder of folders) rmSync(folder, { recursive: true });
  for (const server of servers) server.close();
});

interface Check {
  readonly topic: string;
  readonly status: 'ok' | 'note' | 'wrong';
  readonly fact: string;
  readonly meaning?: string;
  readonly toDo?: string;
}

async function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const { exitCode: status, stdout, stderr } = await runCommand('doctor', ...args);
  return { status, stdout, stderr };
}

/** What it says of the working folder. Its exit code has to be that of the worst. */
async function diagnose(variables: Record<string, string> = {}, ...args: string[]): Promise<Check[]> {
  const before = { ...process.env };
  Object.assign(process.env, { OTEL_TRACES_EXPORTER: 'console', ...variables });
  try {
    const { status, stdout, stderr } = await run('--json', ...args);
    assert.equal(stderr, '');
    const checks: Check[] = JSON.parse(stdout).sections.flatMap(
      (section: { checks: Check[] }) => section.checks,
    );
    assert.equal(status, checks.some((check) => check.status === 'wrong') ? 1 : 0);
    return checks;
  } finally {
    process.env = before;
  }
}

/** `status: fact | meaning | what to do` of each check on one topic. */
function on(topic: string, checks: readonly Check[]): string[] {
  return checks
    .filter((check) => check.topic === topic)
    .map(
      ({ status, fact, meaning, toDo }) => `${status}: ${[fact, meaning, toDo].filter(Boolean).join(' | ')}`,
    );
}

/** A folder with these packages, by `path in node_modules`: version. It is the working one then. */
function goTo(manifest: object, packages: Record<string, string | object> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-')));
  folders.push(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  for (const [path, content] of Object.entries(packages)) {
    const [, name] = /((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    const file = join(folder, 'node_modules', path, 'package.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      JSON.stringify({ name, ...(typeof content === 'string' ? { version: content } : content) }),
    );
  }
  process.chdir(folder);
  return folder;
}

describe('doctor, in a folder', () => {
  it('has nothing against one that is set up', async () => {
    goTo(
      { type: 'module', scripts: { start: `node --import ${OURS}/register app.js` } },
      { [OURS]: '0.1.0', [API]: '1.9.1' },
    );
    const checks = await diagnose();
    assert.deepEqual(
      checks.filter(({ status }) => status !== 'ok'),
      [],
    );
    assert.deepEqual(on('start', checks), ['ok: named by the script start']);
    assert.deepEqual(on('package', checks), [`ok: ${OURS} 0.1.0 (node_modules/${OURS}) installed`]);
    assert.deepEqual(on('exporter', checks), ['ok: spans are printed']);
  });

  it('says that it is not installed, or that there is no application', async () => {
    goTo({}, { [API]: '1.9.1' });
    assert.deepEqual(on('package', await diagnose()), [
      `wrong: ${OURS} is not installed here | nothing is instrumented | npm install ${OURS} ${API}`,
    ]);
    rmSync(join(goTo({}), 'package.json'));
    assert.match(String(on('package', await diagnose())), /^wrong: no package\.json here/);
  });

  it('finds copies however deep, those of pnpm too, and each once', async () => {
    goTo(
      {},
      {
        [OURS]: '0.1.0',
        [API]: '1.10.0',
        [`a/node_modules/@b/c/node_modules/${API}`]: '1.9.1',
        '.pnpm/undici@7/node_modules/undici': '7.1.0',
        'a/node_modules/undici': '5.0.0',
      },
    );
    const checks = await diagnose();
    assert.match(
      String(on('api', checks)),
      /^note: @opentelemetry\/api 1\.10\.0 \(node_modules\/@opentelemetry\/api\), 1\.9\.1 \(node_modules\/a\/node_modules\/@b\/c\S+\) installed \| .*npm ls/,
    );
    assert.deepEqual(on('library', checks), [
      'note: undici 7.1.0 (node_modules/.pnpm/undici@7/node_modules/undici), 5.0.0 (node_modules/a/node_modules/undici) installed | 5.0.0 is not instrumented | supported is >=6.0.0 <9',
    ]);
  });

  it('says which SDK there is, and that it gets an API that it is not made for', async () => {
    const sdk = { version: '3.1.0', peerDependencies: { [API]: '>=1.10.0 <1.11.0' } };
    goTo(
      {},
      {
        [OURS]: '0.1.0',
        [API]: '1.9.1',
        '@opentelemetry/sdk-trace': sdk,
        '@opentelemetry/sdk-node': '0.301.0',
      },
    );
    assert.deepEqual(on('sdk', await diagnose()), [
      'ok: OpenTelemetry SDK 3.x installed: @opentelemetry/sdk-node 0.301.0, @opentelemetry/sdk-trace 3.1.0',
      `wrong: @opentelemetry/sdk-trace 3.1.0 gets ${API} 1.9.1 | it is made for >=1.10.0 <1.11.0 | npm install '${API}@>=1.10.0 <1.11.0'`,
    ]);
  });

  it('names who is beside it', async () => {
    goTo(
      {},
      {
        [OURS]: '0.1.0',
        [API]: '1.9.1',
        '@opentelemetry/instrumentation-http': '0.223.0',
        newrelic: '13.0.0',
        '@sentry/node': '11.1.0',
      },
    );
    const told = on('beside', await diagnose());
    assert.match(String(told[0]), /^ok: @opentelemetry\/instrumentation-http 0\.223\.0 installed/);
    assert.match(String(told[1]), /^note: @sentry\/node 11\.1\.0 .*docs\/set-ups\.md#sentry$/);
    assert.match(String(told[2]), /^note: newrelic 13\.0\.0 installed \| Nobody has tried it/);
  });

  it('reads variables as register does', async () => {
    goTo({}, { [OURS]: '0.1.0', [API]: '1.9.1' });
    assert.match(
      String(on('variables', await diagnose({ OTEL_PROPAGATORS: 'b3', OTEL_BSP: 'x' }))),
      /^wrong: OTEL_PROPAGATORS must be none, or some of/,
    );
    const off = await diagnose({ OTEL_SDK_DISABLED: 'true' });
    assert.deepEqual(on('variables', off), [
      'wrong: OTEL_SDK_DISABLED is true | nothing is instrumented | unset it',
    ]);
    assert.deepEqual(on('sampler', off), []);
    assert.match(
      String(on('exporter', await diagnose({ OTEL_TRACES_EXPORTER: 'none' }))),
      /^wrong: .*spans go nowhere/,
    );
  });

  const keep = 'OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED';
  for (const [sampler, ratio, kept, told] of [
    ['always_on', '', '', 'ok: the sampler is always_on | cancels are kept'],
    ['traceidratio', '1', '', 'ok: the sampler is traceidratio with 1 | cancels are kept'],
    [
      'traceidratio',
      '0.999',
      '',
      'wrong: the sampler is traceidratio with 0.999 | 0.1 % of the traces that begin here are dropped, and the cancels in them',
    ],
    [
      'parentbased_traceidratio',
      '0.01',
      '',
      'wrong: the sampler is parentbased_traceidratio with 0.01 | 99 % of the traces that begin here are dropped, and the cancels in them',
    ],
    [
      'parentbased_always_off',
      '',
      '',
      'wrong: the sampler is parentbased_always_off | all traces that begin here are dropped, and the cancels in them',
    ],
    [
      'always_off',
      '',
      'true',
      `ok: the sampler is always_off | cancels are kept all the same, by ${keep}=true`,
    ],
  ] as const) {
    it(`judges the sampler ${sampler} ${ratio} ${kept && 'with cancels kept'}`, async () => {
      goTo({}, { [OURS]: '0.1.0', [API]: '1.9.1' });
      const variables = { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio, [keep]: kept };
      const toDo = told.startsWith('wrong') ? ` | ${keep}=true keeps those` : '';
      assert.deepEqual(on('sampler', await diagnose(variables)), [told + toDo]);
    });
  }

  it('says all of it as text, which names no home folder', async () => {
    goTo({}, { [OURS]: '0.1.0', [API]: '1.9.1' });
    process.env.OTEL_TRACES_EXPORTER = 'console';
    const { status, stdout } = await run();
    delete process.env.OTEL_TRACES_EXPORTER;
    assert.equal(status, 0);
    assert.match(stdout, /^cancel-trace \d\S+, Node v\d\S+, \w+ \w+\n\n\.\n {2}ok {5}node {7}Node \d/);
    assert.match(stdout, /^ {2}note {3}start .*\n {20}it may be set up in code\n {20}→ ask the program: /m);
    assert.match(stdout, /\n0 wrong, 1 to note, \d ok\n$/);
  });
});

describe('doctor, asking the address of the exporter', () => {
  const bodies: unknown[] = [];
  beforeEach(() => {
    bodies.length = 0;
    goTo({}, { [OURS]: '0.1.0', [API]: '1.9.1' });
  });

  async function serve(
    answer: (response: http.ServerResponse, request: http.IncomingMessage) => void,
  ): Promise<string> {
    const server = http.createServer(async (request, response) => {
      bodies.push(JSON.parse(await text(request)));
      answer(response, request);
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  }

  async function ask(url: string, ...args: string[]): Promise<Check[]> {
    return await diagnose({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: url }, ...args);
  }

  it('sends an empty export to one that takes spans, and a span when told', async () => {
    const url = await serve((response) => response.end('{"partialSuccess":{}}'));
    const checks = await ask(url);
    assert.deepEqual(on('exporter', checks), [
      `ok: ${url}/v1/traces takes OTLP | by an empty export: --send sends a span`,
    ]);
    assert.match(
      String(on('clock', checks)),
      /^ok: the collector's clock is between -?\d\.\d and \d\.\d s ahead/,
    );
    assert.deepEqual(bodies, [{ resourceSpans: [] }]);
    const [told] = on('exporter', await ask(url, '--send'));
    assert.match(
      String(told),
      /^ok: http:\S+ has taken a span \| of trace [0-9a-f]{32}, service cancel-trace-doctor$/,
    );
    assert.match(JSON.stringify(bodies[1]), new RegExp(`"traceId":"${/[0-9a-f]{32}/.exec(String(told))}"`));
  });

  it('has the headers of the variables, and shows none of them', async () => {
    const url = await serve((response, { headers }) =>
      response.writeHead(headers['x-key'] === 'a b' ? 200 : 401).end(),
    );
    assert.match(
      String(on('exporter', await ask(url))),
      /^wrong: .*answered 401.*OTEL_EXPORTER_OTLP_HEADERS/,
    );
    const checks = await diagnose({
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${url}?token=secret`,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces?token=secret`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b, other=secret',
    });
    assert.match(String(on('exporter', checks)), /^ok: /);
    assert.doesNotMatch(JSON.stringify(checks), /secret|a b/);
  });

  for (const [what, answer, told] of [
    [
      'does not know the path',
      (response) => response.writeHead(404).end('no'),
      /^wrong: \S+ takes no spans \| answered 404 no \| Is the path right\?/,
    ],
    [
      'is a web page',
      (response) => response.end('<!doctype html>'),
      /^wrong: \S+ takes no spans \| answered 200 with a web page: that is no OTLP \| name/,
    ],
    [
      'answers other JSON',
      (response) => response.end('{"ok":true}'),
      /^wrong: .*answered 200 \{"ok":true\}: that is no OTLP/,
    ],
    [
      'leads elsewhere',
      (response) => response.writeHead(302, { location: '/login' }).end(),
      /^wrong: .*answered 302/,
    ],
    ['fails', (response) => response.writeHead(503).end(), /^wrong: .*answered 503/],
  ] as [string, (response: http.ServerResponse) => void, RegExp][]) {
    it(`which ${what}`, async () => {
      assert.match(String(on('exporter', await ask(await serve(answer)))), told);
    });
  }

  it('which refuses a span', async () => {
    const url = await serve((response) =>
      response.end('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"full"}}'),
    );
    assert.deepEqual(on('exporter', await ask(url, '--send')), [
      `wrong: ${url}/v1/traces has refused the span | full`,
    ]);
  });

  it('where nobody listens, or something that speaks no HTTP', async () => {
    const server = net
      .createServer((socket) =>
        socket
          .on('error', () => {})
          .resume()
          .end('hello\n'),
      )
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    assert.match(
      String(on('exporter', await ask(url))),
      /^wrong: nothing takes spans at \S+ \| .* \| Is it OTLP over HTTP\?/,
    );
    server.close();
    await once(server, 'close');
    assert.match(
      String(on('exporter', await ask(url))),
      /^wrong: nothing takes spans at .*ECONNREFUSED.* \| Is a collector/,
    );
  });

  for (const [aheadMs, told] of [
    [
      -60_000,
      /^wrong: the collector's clock is between -6[01]\.\d and -(59|60)\.\d s ahead .* \| synchronise both, by NTP$/,
    ],
    [3_000, /^wrong: the collector's clock is between [123]\.\d and [34]\.\d s ahead/],
    [0, /^ok: /],
  ] as const) {
    it(`whose clock is ${aheadMs / 1_000} s ahead`, async () => {
      const date = (): string => new Date(Date.now() + aheadMs).toUTCString();
      const url = await serve((response) => response.writeHead(200, { date: date() }).end());
      assert.match(String(on('clock', await ask(url))), told);
    });
  }

  it('which tells no time', async () => {
    const url = await serve((response) => {
      response.sendDate = false;
      response.end();
    });
    assert.match(String(on('clock', await ask(url))), /^note: the collector tells no time/);
  });
});

describe('doctor, told wrong', () => {
  for (const [args, message] of [
    [['app.js'], 'doctor takes a command after --, as in: cancel-trace doctor -- node app.js'],
    [['--'], 'doctor takes a command after --, as in: cancel-trace doctor -- node app.js'],
    [['--for', '0', '--', 'node'], '--for must be a number of seconds, but is 0'],
    [['--for', '5'], '--for is for a program, which follows --'],
    [['--sned'], 'unknown option --sned (did you mean --send?)'],
  ] as const) {
    it(`${args.join(' ')}: ${message}`, async () => {
      const { status, stdout, stderr } = await run(...args);
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
      assert.equal(stderr, `${OURS}: ${message}; --help tells more\n`);
    });
  }
  it('a command that cannot be executed', async () => {
    writeFileSync(join(goTo({}), 'app.js'), '');
    const { status, stderr } = await run('--', './app.js');
    const told = `${OURS}: ./app.js: may not be executed; Node.js runs it by: node ./app.js\n`;
    assert.deepEqual({ status, stderr }, { status: 2, stderr: told });
  });
  it('a command that is not there', async () => {
    const { status, stderr } = await run('--', 'no-such-command-anywhere');
    assert.deepEqual(
      { status, stderr },
      { status: 2, stderr: `${OURS}: no-such-command-anywhere: no such command\n` },
    );
  });
});
