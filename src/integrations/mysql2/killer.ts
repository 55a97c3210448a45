/** The other connection, by which a server is told what to stop: one for each server and user, for as long as there is something to stop. */
import net from 'node:net';
import type { Installation } from '../../hook/installation.ts';
import type { Config, Connection, ConnectionClass } from './internals.ts';

/** A server that has not answered by then may act on it at any time. */
const LIMIT_MS = 10_000;
/** Kept for the next cancel. */
const IDLE_MS = 1_000;

export interface Kill {
  readonly threadId: number;
  /** Asked when it could be sent. */
  isWanted(): boolean;
  sent(): void;
  /** It can do nothing any more: it is answered, or was not sent. */
  over(): void;
  /** It was sent, and nobody knows what became of it. */
  lost(): void;
}

export class Killer {
  readonly #connectionClass: ConnectionClass;
  readonly #installation: Installation;
  readonly #waiting: Kill[] = [];
  #connection: Connection | undefined;
  #isReady = false;
  #running: Kill | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(connectionClass: ConnectionClass, installation: Installation) {
    this.#connectionClass = connectionClass;
    this.#installation = installation;
  }

  /** @param like the connection that runs it: a password may have changed since the last time */
  kill(kill: Kill, like: Connection): void {
    this.#waiting.push(kill);
    if (this.#connection === undefined) this.#connect(like);
    else if (this.#isReady) this.#next();
  }

  #connect(like: Connection): void {
    const { guard } = this.#installation;
    const connection = new this.#connectionClass({ config: configOf(like) });
    this.#connection = connection;
    connection.stream.unref();
    connection.on(
      'error',
      guard(() => this.#gone(connection)),
    );
    connection.connect(
      guard((error) => {
        if (error) return this.#gone(connection);
        connection.stream.unref(); // another one, where it is secured
        this.#isReady = true;
        this.#next();
      }),
    );
  }

  #next(): void {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    if (connection === undefined || this.#running !== undefined) return;
    let kill = this.#waiting.shift();
    while (kill !== undefined && !kill.isWanted()) {
      kill.over();
      kill = this.#waiting.shift();
    }
    this.#running = kill;
    if (kill === undefined) this.#after(IDLE_MS, () => this.#close(connection));
    else this.#send(connection, kill);
  }

  #send(connection: Connection, kill: Kill): void {
    this.#after(LIMIT_MS, () => this.#gone(connection));
    kill.sent();
    const answered = (): void => {
      if (this.#running !== kill || connection !== this.#connection) return;
      this.#running = undefined;
      // An error is an answer, too: there is no such thread, or it is somebody else's.
      kill.over();
      this.#next();
    };
    connection.query(`KILL QUERY ${kill.threadId}`, this.#installation.guard(answered));
  }

  #after(ms: number, then: () => void): void {
    this.#timer = setTimeout(this.#installation.guard(then), ms).unref();
  }

  #close(connection: Connection): void {
    this.#forget();
    connection.end();
  }

  /** It failed, was refused, or does not answer. */
  #gone(connection: Connection): void {
    if (connection !== this.#connection) return;
    const running = this.#running;
    const waiting = this.#waiting.splice(0);
    this.#forget();
    connection.stream.destroy();
    running?.lost();
    for (const kill of waiting) kill.over();
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#connection = undefined;
    this.#isReady = false;
    this.#running = undefined;
  }
}

/**
 * Without the pool, which would take it for one of its own; and to the very server, where its name has several: the same number is
 * somebody else's query there.
 */
function configOf({ config, stream }: Connection): Config {
  const { remoteAddress: host, remotePort: port } = stream;
  const properties: PropertyDescriptorMap = {
    ...Object.getOwnPropertyDescriptors(config),
    pool: { value: undefined, writable: true },
  };
  if (!config.socketPath && !config.stream && host !== undefined && port !== undefined)
    properties.stream = { value: () => net.connect({ host, port, noDelay: true }) };
  return Object.create(Object.getPrototypeOf(config), properties);
}
