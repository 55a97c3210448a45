/** What is kept for a session. */
import { http2 } from '../../hook/built-ins.ts';
import type { Stack } from '../../operation/evidence.ts';
import type { IdleLimit } from './deadline.ts';
import { kConnection, type Session, type Transport } from './internals.ts';

/** Why a session is destroyed, which ends all of its streams at once. */
export type Teardown =
  /** The connection broke, or the peer ended it with an error. */
  | { readonly kind: 'lost'; readonly error: unknown }
  /** Node itself cannot go on. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** Code of this process, or a limit that it set. */
  | {
      readonly kind: 'local';
      readonly error: unknown;
      readonly stack: Stack;
      readonly limit: IdleLimit | undefined;
    };

export class Connection {
  /** A stream loses its session when it is destroyed. */
  readonly session: Session;
  readonly isClient: boolean;
  /** Of session.setTimeout(). */
  limit: IdleLimit | undefined = undefined;
  teardown: Teardown | undefined = undefined;
  peerAddress: string | undefined = undefined;
  peerPort: number | undefined = undefined;
  #isForeign: boolean | undefined = undefined;

  constructor(session: Session) {
    this.session = session;
    this.isClient = session.type === http2.constants.NGHTTP2_SESSION_CLIENT;
  }

  /** True when the streams are undici's, which has an integration of its own. Not to be asked before the first request. */
  get isForeign(): boolean {
    this.#isForeign ??= Object.getOwnPropertySymbols(this.session).some(
      // undici counts the streams of a session under this one.
      ({ description }) => description === 'open streams',
    );
    return this.#isForeign;
  }

  /** Undefined when the session has lost it. */
  get transport(): Transport | undefined {
    try {
      const { socket } = this.session;
      // Throws unless there is a socket behind the proxy.
      void socket.destroyed;
      return socket;
    } catch {
      return undefined;
    }
  }

  get isGone(): boolean {
    return this.transport?.destroyed !== false;
  }

  /** Whether the connection outlives what is cancelled now. Undefined on a server, which has no say in it. */
  get isAliveForClient(): boolean | undefined {
    return this.isClient ? this.teardown === undefined && !this.isGone : undefined;
  }

  /** True when this process destroyed the socket itself: the peer neither ended the connection nor broke it. */
  get isClosedHere(): boolean {
    const { transport } = this;
    if (transport?.destroyed !== true || transport.errored || transport._readableState.ended) return false;
    // Node's wrapper of a stream that is no socket: it does not tell how that one ended.
    return transport.constructor.name !== 'JSStreamSocket';
  }

  /** Keeps the address of the other side, which cannot be asked for once the connection is gone. */
  learnPeer(): void {
    if (this.peerAddress !== undefined) return;
    const { transport } = this;
    this.peerAddress = transport?.remoteAddress;
    this.peerPort = transport?.remotePort;
  }
}

export function connectionOf(session: Session): Connection {
  session[kConnection] ??= new Connection(session);
  return session[kConnection];
}
