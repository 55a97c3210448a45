/** The PostgreSQL of the demo: real, for itself alone, and gone with the process that has started it, whatever ends that. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'database-test-'));
chmodSync(folder, 0o755); // for the user who runs it where this one is root
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill('SIGKILL'); // of a case that failed
  rmSync(folder, { recursive: true });
});

/** Prints the URL of its database, and then waits; at a signal it ends as the demo does. */
const program = `
  import { startDatabase } from './examples/database.js';
  process.once('SIGINT', () => process.exit(130));
  console.log(await startDatabase().catch(({ message }) => message));
  process.stdin.resume().on('end', () => process.stdin.destroy());
  process.stdin.on('data', () => { throw new Error('uncaught'); });`;

async function start(temporary = folder): Promise<{ process: ChildProcess; answer: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  children.add(child);
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { process: child, answer: String(line).trim() };
}

async function isRefused(url: string): Promise<boolean> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  const refused = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
  });
  socket.destroy();
  return refused;
}

describe('the database of the demo', () => {
  const ends: [how: string, end: (child: ChildProcess) => unknown, code: number][] = [
    ['has nothing left to do', (child) => child.stdin?.end(), 0],
    ['is told to by Ctrl-C', (child) => child.kill('SIGINT'), 130],
    ['fails', (child) => child.stdin?.write('x'), 1],
  ];
  for (const [how, end, expected] of ends) {
    it(`ends with its process and its files, when that ${how}`, async () => {
      const { process: child, answer: url } = await start();
      assert.match(url, /^postgres:\/\/shop:\w+@127\.0\.0\.1:\d+\/postgres$/);
      assert.equal(await isRefused(url), false);
      assert.equal(readdirSync(folder).length, 1);
      end(child);
      const [code] = await once(child, 'close');
      assert.equal(code, expected);
      assert.equal(await isRefused(url), true);
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  it('lets nobody in who does not know its password', async () => {
    const { process: child, answer: url } = await start();
    const wrong = new URL(url);
    wrong.password = 'guessed';
    await assert.rejects(new pg.Client(wrong.href).connect(), /password authentication failed/);
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query('SHOW listen_addresses');
    assert.deepEqual(rows, [{ listen_addresses: '127.0.0.1' }]);
    await client.end();
    child.stdin?.end();
    await once(child, 'close');
  });

  it('says why there is none', async () => {
    const { process: child, answer } = await start(join(folder, 'missing'));
    assert.match(answer, /^ENOENT: no such file or directory, mkdtemp/);
    child.stdin?.end();
    await once(child, 'close');
  });
});
