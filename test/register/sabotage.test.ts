/** Each function of `register`, and of what sees the end of a process, fails in turn: the program does and ends as without us. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
// @ts-expect-error: it is JavaScript, since it is loaded by whatever Node there is
import { withSabotage } from '../support/sabotage-loader.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** In dist/. The rest is the SDK's own, or is made to fail by other suites. */
const WORKING = /^(?:register\/(?!sdk-packages|export-worker)[\w-]+|process-end|process-signals)\.js$/;
const AT_ONCE = 3;
const LIMIT_MS = 30_000;
/** What stands in the place of a listener of Node's, and the barrier by which the others are called: nothing in them can fail by itself. */
const IN_PLACE = /^process-end:(?:onExit|onUncaught|safely)$|^process-signals:.*>(?:listener|value|init)$/;

const PRELOAD = `
import { writeFileSync } from 'node:fs';
const reached = new Set();
const { SABOTAGE: target, REACHED: file } = process.env;
globalThis.sabotage = (id) => {
  if (id === target) throw new Error('sabotage of ' + id);
  if (target !== undefined || reached.has(id)) return;
  reached.add(id);
  writeFileSync(file, [...reached].join('\\n'));
};
`;

const BEGIN = `
import http from 'node:http';
const server = http.createServer(() => {}).listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const request = http.get({ port, host: '127.0.0.1' }).on('error', ({ code }) => console.log('request', code));
  server.once('request', () => begun(request));
});
process.on('exit', (code) => console.log('exit', code));
`;

const PROGRAMS: Readonly<Record<string, string>> = {
  'ends by itself': 'function begun(request) { request.destroy(); server.close(); }',
  'calls exit()': 'function begun() { process.exit(3); }',
  'throws what nobody catches': "function begun() { throw new Error('of the application'); }",
  'is ended by a signal': "function begun() { process.kill(process.pid, 'SIGTERM'); }",
  'handles a signal': `
    process.once('SIGTERM', (signal) => { console.log(signal); server.close(); server.closeAllConnections(); });
    function begun() { process.kill(process.pid, 'SIGTERM'); }`,
};

let folder: string;
let receiver: http.Server;
before(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache', 'sabotaged-'));
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'preload.mjs'), PRELOAD);
  for (const name of readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (!WORKING.test(name)) continue;
    const file = join(folder, 'dist', name);
    writeFileSync(file, withSabotage(readFileSync(file, 'utf8'), name.replace(/\.js$/, '')));
  }
  receiver = http.createServer((request, response) => request.resume().on('end', () => response.end('{}')));
  await once(receiver.listen(0, '127.0.0.1'), 'listening');
});
after(() => {
  receiver.close();
  receiver.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  program: string,
  registers: boolean,
  variables: Record<string, string> = {},
): Promise<Ended> {
  const preloads = ['preload.mjs', 'dist/register.js'].flatMap((name) => ['--import', join(folder, name)]);
  const args = [...(registers ? preloads : []), '--input-type=module', '--eval', BEGIN + program];
  const { port } = receiver.address() as AddressInfo;
  const env = {
    PATH: process.env.PATH,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    REACHED: join(folder, 'reached'),
    ...variables,
  };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = await closed;
  clearTimeout(timer);
  return { code, signal, stdout, stderr };
}

const done = new Set<string>();

describe('whatever of register fails, the application does not notice', () => {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    it(`a program that ${name}`, async () => {
      const plain = await run(program, false);
      const whole = await run(program, true);
      assert.deepEqual(withoutStderr(whole), withoutStderr(plain));
      const ids = readFileSync(join(folder, 'reached'), 'utf8')
        .split('\n')
        .filter((id) => !done.has(id) && !IN_PLACE.test(id));
      for (const id of ids) done.add(id);
      const next = async (): Promise<void> => {
        for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
          const ended = await run(program, true, { SABOTAGE: id });
          assert.deepEqual(withoutStderr(ended), withoutStderr(plain), `while ${id} failed: ${ended.stderr}`);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, next));
    });
  }

  it('some did fail', () => {
    assert.ok(done.size > 50, `${done.size} functions`);
  });
});

function withoutStderr({ code, signal, stdout }: Ended): Partial<Ended> {
  return { code, signal, stdout };
}
