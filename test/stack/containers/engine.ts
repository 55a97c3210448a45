/**
 * A container engine for one test file, as on a machine of its own: dockerd with files, processes and a network that
 * nobody else shares. Ports of a compose file cannot be taken there, firewall rules of this machine stay untouched,
 * and when the test dies so does all that it started. Takes root and Debian: `sudo bash .ci/container-engine`.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findOrBuildCompose } from '../../support/compose-binary.ts';
import { startServer } from '../../support/server-process.ts';
import { openWays } from './relay.ts';

export const root: string = fileURLToPath(new URL('../../..', import.meta.url));

/** Of the machine, besides the loopback interface and the bridges of the containers: for documentation, RFC 5737. */
const addressElsewhere = '192.0.2.1';
const programs = [
  'dockerd',
  'docker',
  'docker-init',
  'iptables',
  'ip',
  'debootstrap',
  'setpriv',
  'unshare',
  'nsenter',
];
const startLimitMs = 60_000;
const stopLimitMs = 30_000;
/** `docker compose up --wait` on a busy machine, a build of an image. */
const commandLimitMs = 5 * 60_000;

export type Engine = {
  /** Goes with it. */
  folder: string;
  /** Runs `docker`, in the root of the checkout; resolves to what it prints. */
  docker(args: readonly string[], env?: Record<string, string>): Promise<string>;
  /** Runs a command as on the engine's machine, in the root of the checkout. */
  run(command: string, args: readonly string[], env?: Record<string, string>): Promise<string>;
  /** IPv4 addresses of the engine's machine, without the loopback interface's. */
  addresses(): Promise<string[]>;
  /** Connects over there; rejects when nobody listens. */
  connect(address: string, port: number): Promise<void>;
  /** Leads to what listens on 127.0.0.1 there. */
  urlOf(port: number): string;
  stop(): Promise<void>;
};

export async function findEngine(): Promise<{ compose: string } | { unavailable: string }> {
  const takes = 'the containers take Debian and root';
  if (!existsSync('/etc/debian_version')) return { unavailable: `${takes}: this is not Debian` };
  if (process.getuid?.() !== 0) return { unavailable: `${takes}: this user is not root` };
  const folders = (process.env.PATH ?? '').split(delimiter);
  const missing = programs.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (missing.length > 0) {
    const unavailable = `no ${missing.join(', ')} on the PATH: \`bash .ci/container-engine\` installs what is missing`;
    return { unavailable };
  }
  const compose = await findOrBuildCompose();
  return 'unavailable' in compose ? compose : { compose: compose.binary };
}

/** @param ports that urlOf() is to be asked for */
export async function startEngine(compose: string, ports: readonly number[]): Promise<Engine> {
  const folder = mkdtempSync('/var/tmp/container-engine-'); // images are large, and /tmp may be memory
  const socket = join(folder, 'docker.sock');
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: folder, // none of the user's contexts and credentials
    DOCKER_BUILDKIT: '0', // would be one more plugin
  };
  mkdirSync(join(folder, 'cli-plugins'));
  symlinkSync(compose, join(folder, 'cli-plugins', 'docker-compose'));
  const killDaemon = await startDaemon(folder, socket, env);
  const machine = machineOf(folder);
  const enter = ['--target', String(machine), '--net', '--pid', '--'];
  const ways = await openWays(enter, folder, ports);
  const run: Engine['run'] = async (command, args, more) =>
    await output('nsenter', [...enter, command, ...args], { ...env, ...more });
  return {
    folder,
    docker: async (args, more) => await output('docker', args, { ...env, ...more }),
    run,
    async addresses() {
      const interfaces: { addr_info: { local: string }[] }[] = JSON.parse(
        await run('ip', ['-json', '-4', 'address']),
      );
      const all = interfaces.flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
      return all.filter((address) => !address.startsWith('127.'));
    },
    connect: async (address, port) => void (await run('bash', ['-c', `: < /dev/tcp/${address}/${port}`])),
    urlOf(port) {
      const url = ways.urls.get(port);
      if (url === undefined) throw new Error(`no way leads to port ${port}`);
      return url;
    },
    async stop() {
      await ways.close();
      process.kill(machine, 'SIGTERM'); // to dockerd, which ends its containers first
      const giveUpAt = Date.now() + stopLimitMs;
      while (existsSync(`/proc/${machine}`) && Date.now() < giveUpAt) await delay(50);
      await killDaemon();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startDaemon(
  folder: string,
  socket: string,
  env: Record<string, string>,
): Promise<() => Promise<void>> {
  const dockerd = ['dockerd', '--host', `unix://${socket}`, '--pidfile', join(folder, 'docker.pid')];
  dockerd.push('--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'));
  const network = [
    'ip link set lo up',
    'ip link add elsewhere type veth peer name cable',
    `ip address add ${addressElsewhere}/24 dev elsewhere`,
    'ip link set elsewhere up',
  ];
  const inside = [
    'docker-init',
    '-s',
    '--',
    'sh',
    '-ec',
    [...network, 'exec "$@"'].join('\n'),
    'sh',
    ...dockerd,
  ];
  const unshare = [
    'unshare',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    ...inside,
  ];
  return await startServer({
    name: 'dockerd',
    binary: 'setpriv', // even a test that is killed leaves nothing behind
    args: ['--pdeathsig', 'KILL', 'sh', '-ec', 'echo $$ > "$0"; exec "$@"', pidFile(folder), ...unshare],
    env,
    isReady: async () => await answers(socket),
    startLimitMs,
  });
}

/** The first process of the machine, in this machine's numbers. */
function machineOf(folder: string): number {
  const unshare = readFileSync(pidFile(folder), 'utf8').trim();
  return Number(readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8'));
}

function pidFile(folder: string): string {
  return join(folder, 'unshare.pid');
}

async function answers(socketPath: string): Promise<boolean> {
  const request = http.get({ socketPath, path: '/_ping' });
  try {
    const [response] = await once(request, 'response');
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}

async function output(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<string> {
  const options = { cwd: root, env, timeout: commandLimitMs, maxBuffer: 100_000_000 };
  const { stdout } = await promisify(execFile)(command, args, options);
  return stdout.trim();
}
