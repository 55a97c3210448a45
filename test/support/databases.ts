/**
 * Real databases, each with an empty data folder of its own on a free port of loopback. Found on the PATH, and where Debian
 * has PostgreSQL's; `sudo bash .ci/databases` installs Debian's packages without starting their services.
 *
 *   CI   set: a missing one is an error, no reason to leave tests out
 */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { selfSignedCertificate } from '../integrations/http/certificate.ts';
import { loopback, onFreePorts, type ServerProgram, startServer } from './server-process.ts';

export type DatabaseName = 'postgresql' | 'mariadb' | 'redis';

export interface Database {
  readonly url: string;
  /** Has PostgreSQL's Unix socket, or MariaDB's by the name `socket`, `server.key` and `server.crt`, and the folder `data`. */
  readonly folder: string;
  stop(): Promise<void>;
}

interface Recipe {
  /** The server first; others that it needs to begin. */
  readonly binaries: readonly string[];
  /** What a new data folder takes, and the server on it. */
  readonly prepare?: (folder: string, [server, other]: readonly string[]) => [string, string[]];
  readonly args: (folder: string, port: number) => string[];
  readonly url: (port: number) => string;
}

const RECIPES: Readonly<Record<DatabaseName, Recipe>> = {
  postgresql: {
    binaries: ['postgres', 'initdb'],
    prepare: (folder, [, initdb = '']) => [
      initdb,
      ['--no-sync', '--auth=trust', '--username=test', '-D', join(folder, 'data')],
    ],
    args: (folder, port) => [
      ...['-D', join(folder, 'data'), '-h', loopback, '-p', `${port}`, '-k', folder],
      ...['-c', 'fsync=off'],
    ],
    url: (port) => `postgres://test@${loopback}:${port}/postgres`,
  },
  mariadb: {
    binaries: ['mariadbd', 'mariadb-install-db'],
    prepare: (folder, [, install = '']) => [
      install,
      ['--no-defaults', '--auth-root-authentication-method=normal', `--datadir=${join(folder, 'data')}`],
    ],
    args: (folder, port) => [
      '--no-defaults',
      ...[`--ssl-cert=${join(folder, 'server.crt')}`, `--ssl-key=${join(folder, 'server.key')}`],
      ...[`--datadir=${join(folder, 'data')}`, `--socket=${join(folder, 'socket')}`],
      ...[`--bind-address=${loopback}`, `--port=${port}`],
    ],
    url: (port) => `mysql://root@${loopback}:${port}/mysql`,
  },
  redis: {
    binaries: ['redis-server'],
    args: (folder, port) => ['--bind', loopback, '--port', `${port}`, '--dir', folder, '--save', ''],
    url: (port) => `redis://${loopback}:${port}`,
  },
};

/** PostgreSQL refuses to run as root, and no server needs to. */
const NOBODY = 65_534;

export async function startDatabase(name: DatabaseName): Promise<Database | { unavailable: string }> {
  const { binaries, prepare, args, url } = RECIPES[name];
  const found = binaries.map(findServerProgram);
  const missing = binaries.find((_binary, index) => found[index] === undefined);
  if (missing !== undefined) return unavailable(`no ${missing}, a program of ${name}`);
  const programs = found as string[];
  const { identity, folder, remove } = serverFolder(name);
  const env = { PATH: process.env.PATH ?? '', HOME: folder, LC_ALL: 'C' };
  try {
    putCertificate(folder, identity);
    if (prepare !== undefined) {
      const [program, programArgs] = prepare(folder, programs);
      execFileSync(program, programArgs, { ...identity, env, cwd: folder, stdio: 'pipe' });
    }
    return await onFreePorts(1, async ([port = 0]) => {
      const program: ServerProgram = {
        name,
        binary: programs[0] ?? '',
        args: args(folder, port),
        env,
        identity,
        isReady: () => isListening(port),
      };
      const stop = await startServer(program);
      return {
        url: url(port),
        folder,
        async stop() {
          await stop();
          remove();
        },
      };
    });
  } catch (error) {
    remove();
    throw error;
  }
}

/** For a server that speaks TLS. */
function putCertificate(folder: string, { uid, gid }: { uid?: number; gid?: number }): void {
  const { key, cert } = selfSignedCertificate();
  const paths = [join(folder, 'server.key'), join(folder, 'server.crt')] as const;
  writeFileSync(paths[0], key, { mode: 0o600 });
  writeFileSync(paths[1], cert);
  if (uid !== undefined && gid !== undefined) for (const path of paths) chownSync(path, uid, gid);
}

/** For what the server keeps, and whose it is: nobody's, where the tests run as root. */
export function serverFolder(name: string): {
  folder: string;
  identity: { uid?: number; gid?: number };
  remove(): void;
} {
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  if (identity.uid !== undefined) chownSync(folder, identity.uid, identity.gid);
  return { folder, identity, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Debian puts PostgreSQL's where several versions have room. */
export function findServerProgram(binary: string): string | undefined {
  const versions = '/usr/lib/postgresql';
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    ...(existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, 'bin')) : []),
  ];
  return folders.map((folder) => join(folder, binary)).find((path) => existsSync(path));
}

export function unavailable(reason: string): { unavailable: string } {
  if (process.env.CI) throw new Error(reason);
  return { unavailable: reason };
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, loopback, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
