/** The classes of mysql2 beyond their public types. */
import type { Socket } from 'node:net';

export const MYSQL2_PACKAGE = 'mysql2';
export const SUPPORTED_VERSIONS: readonly string[] = ['>=3.12.0 <4'];

/** What a connection runs, one at a time: a query, the execution of a prepared statement, and others. */
export interface Command {
  readonly sql?: unknown;
}

/** A command as the connection sees it. @returns true when it is over */
export interface Runnable extends Command {
  execute(packet: unknown): boolean;
  /** For its debug mode. */
  stateName(): string;
}

export interface Config {
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
  readonly user?: string;
  /** Of the application, or what makes one. */
  readonly stream?: object | ((options: object) => Socket);
}

export interface Connection {
  readonly config: Config;
  readonly threadId: number | null;
  readonly stream: Socket;
  readonly _command: Command | null | undefined;
  readonly _commands: { unshift(command: Runnable): unknown };
  /** Runs on: with a packet, or with what is to be sent. */
  handlePacket(): void;
  query(sql: string, done: (error: Error | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  connect(done: (error: Error | null) => void): void;
  end(): unknown;
}

export type ConnectionClass = new (options: { config: Config }) => Connection;

/** Flags of MySQL by which a server says where a connection is. */
export const IN_TRANSACTION = 1;
export const AUTOCOMMIT = 2;
