/** What is kept of all connections while this is installed. */
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../host.ts';
import { ConnectionState } from './connection.ts';
import type { Connection, ConnectionClass } from './internals.ts';
import { Killer } from './killer.ts';

export class Connections {
  readonly host: Host;
  readonly installation: Installation;
  /** Of the result that is just read: where it ends, the connection is not told. */
  endFlags: number | undefined = undefined;
  readonly #states = new WeakMap<Connection, ConnectionState>();
  readonly #killers = new Map<string, Killer>();

  constructor(host: Host, installation: Installation) {
    this.host = host;
    this.installation = installation;
  }

  stateOf(connection: Connection): ConnectionState {
    const state = this.#states.get(connection) ?? new ConnectionState();
    this.#states.set(connection, state);
    return state;
  }

  /** Undefined where the application alone knows how to connect. */
  killerFor({ config, stream }: Connection, connectionClass: ConnectionClass): Killer | undefined {
    if (typeof config.stream === 'object') return undefined;
    const key = JSON.stringify([
      config.socketPath,
      config.host,
      config.port,
      stream.remoteAddress,
      config.user,
    ]);
    const killer = this.#killers.get(key) ?? new Killer(connectionClass, this.installation);
    this.#killers.set(key, killer);
    return killer;
  }
}
