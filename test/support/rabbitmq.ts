/**
 * RabbitMQ, as a database: on loopback, with a folder of its own, and beside it the daemon by which Erlang's nodes find each
 * other, which would outlive it otherwise. `sudo bash .ci/databases` installs Debian's package without starting its service.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, findServerProgram, isListening, serverFolder, unavailable } from './databases.ts';
import { loopback, onFreePorts, startServer } from './server-process.ts';

/** In which a message has to be answered, and how often the broker looks; in ms. */
const CONSUMER_TIMEOUT_MS = 1_000;
const LOOKS_EVERY_MS = 200;

/** Erlang takes its time on a busy machine. */
const startLimitMs = 120_000;

export async function startRabbitMq(): Promise<Database | { unavailable: string }> {
  const binary = findServer();
  const daemon = findServerProgram('epmd');
  if (binary === undefined || daemon === undefined) return unavailable('no rabbitmq-server');
  const { folder, identity, remove } = serverFolder('rabbitmq');
  try {
    return await onFreePorts(3, async ([port = 0, nodePort = 0, daemonPort = 0]) => {
      const erlang = { ERL_EPMD_ADDRESS: loopback, ERL_EPMD_PORT: `${daemonPort}` };
      const common = { PATH: process.env.PATH ?? '', HOME: folder, LC_ALL: 'C.UTF-8', ...erlang };
      const stopDaemon = await startServer({
        name: 'epmd',
        binary: daemon,
        args: [],
        env: common,
        identity,
        isReady: () => isListening(daemonPort),
      });
      try {
        const stop = await startServer({
          name: 'rabbitmq',
          binary,
          args: [],
          env: { ...common, ...settings(folder, port, nodePort) },
          identity,
          isReady: () => isListening(port),
          startLimitMs,
        });
        return {
          url: `amqp://guest:guest@${loopback}:${port}`,
          folder,
          async stop() {
            await stop();
            await stopDaemon();
            remove();
          },
        };
      } catch (error) {
        await stopDaemon();
        throw error;
      }
    });
  } catch (error) {
    remove();
    throw error;
  }
}

/** Not the one on the PATH, which becomes another user first and leaves a child behind. */
function findServer(): string | undefined {
  const versions = '/usr/lib/rabbitmq/lib';
  if (findServerProgram('rabbitmq-server') === undefined) return undefined;
  const [version] = readdirSync(versions);
  return version === undefined ? undefined : join(versions, version, 'sbin/rabbitmq-server');
}

function settings(folder: string, port: number, nodePort: number): Record<string, string> {
  return {
    // One process, that of Erlang.
    RUNNING_UNDER_SYSTEMD: 'true',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(folder, 'none'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_NODENAME: 'test@localhost',
    RABBITMQ_NODE_IP_ADDRESS: loopback,
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${nodePort}`,
    RABBITMQ_MNESIA_BASE: folder,
    RABBITMQ_LOG_BASE: folder,
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    ERL_CRASH_DUMP: '/dev/null',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: [
      '-kernel inet_dist_use_interface {127,0,0,1}',
      `-rabbit consumer_timeout ${CONSUMER_TIMEOUT_MS}`,
      `-rabbit channel_tick_interval ${LOOKS_EVERY_MS}`,
    ].join(' '),
  };
}
