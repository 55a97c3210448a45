/** Node's session and stream classes, which it does not export. */
import type { Socket } from 'node:net';
import { http2 } from '../../hook/built-ins.ts';

export interface SessionPrototypes {
  readonly client: object;
  /** What both a client's and a server's inherit from. */
  readonly session: object;
}

/**
 * The first thing that the constructor of a session does is to put the session on its socket. A socket
 * that refuses to take it sees the session and ends the construction: no handle, no connection, no event.
 *
 * @throws {TypeError} when Node does it another way
 */
export function learnSessions(): SessionPrototypes {
  const refusal = new Error('refused');
  let session: object | undefined;
  const socket = new Proxy(
    {},
    {
      set(_target, _key, value: unknown) {
        if (typeof value === 'object' && value !== null) session = value;
        throw refusal;
      },
    },
  );
  try {
    http2.connect('http://localhost', { createConnection: () => socket as Socket });
  } catch (error) {
    if (error !== refusal) throw error;
  }
  if (session === undefined) throw new TypeError('node:http2 makes its sessions in an unknown way');
  const client = Object.getPrototypeOf(session) as object;
  return { client, session: definingPrototype(client, 'goaway') };
}

/** Both kinds of streams inherit from it. */
export function streamPrototypeOf(stream: object): object {
  return definingPrototype(stream, 'rstCode');
}

function definingPrototype(object: object, key: string): object {
  for (let current: object | null = object; current !== null; current = Object.getPrototypeOf(current)) {
    if (Object.hasOwn(current, key)) return current;
  }
  throw new TypeError(`there is no ${key} to instrument`);
}
