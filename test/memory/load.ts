/** What a kind of operation is made of, by each protocol: client and server in this process. */

export interface Load {
  /** Is answered. */
  complete(): Promise<unknown>;
  /** Is cancelled by the client when the server has it; over when both know. */
  cancel(): Promise<unknown>;
  /** Stays in flight until the end of the process. */
  hold(): void;
  /** Never begins to be sent, never ends, and nobody keeps it. Not every protocol has such. */
  forget?(): void;
  /** Of the operations that are answered, where that can be told. */
  connections?(): number;
}

/** @returns a signal for one operation that also has the one of all operations */
export function leavable(shared: AbortSignal): { readonly signal: AbortSignal; leave(): void } {
  const own = new AbortController();
  return { signal: AbortSignal.any([shared, own.signal]), leave: () => own.abort('user left') };
}

/** A path that is never answered. */
export const HELD_PATH = '/wait';

/** Operations that wait to be cancelled, by a path of their own. */
export class Waiting {
  readonly #arrivals = new Map<string, (ended: Promise<void>) => void>();
  #count = 0;

  /** @returns a path to ask for, and what resolves when the server has it; inside of it, when the server knows of the end */
  expect(): { readonly path: string; readonly arrived: Promise<{ ended: Promise<void> }> } {
    const path = `${HELD_PATH}/${++this.#count}`;
    const arrived = new Promise<{ ended: Promise<void> }>((resolve) => {
      this.#arrivals.set(path, (ended) => resolve({ ended }));
    });
    return { path, arrived };
  }

  /**
   * What the server is asked for.
   *
   * @returns whether it is to be answered
   */
  isAnswered(path: string, end: () => Promise<void>): boolean {
    if (!path.startsWith(HELD_PATH)) return true;
    this.#arrivals.get(path)?.(end());
    this.#arrivals.delete(path);
    return false;
  }
}

/** Not once(): that rejects at 'error'. */
export function closeOf(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => stream.on('error', () => {}).on('close', resolve));
}

/** Node's server closes the session of a client that resets more than a thousand streams. */
const CANCELS_OF_A_SESSION = 500;

/** Sessions of HTTP/2 on which operations are cancelled: another one in time. */
export class Sessions<Session> {
  readonly #connect: () => Promise<Session>;
  readonly #close: (session: Session) => void;
  #cancels = 0;
  #current: Promise<Session> | undefined;
  /** Operations may still be under way there. */
  #before: Promise<Session> | undefined;

  constructor(connect: () => Promise<Session>, close: (session: Session) => void) {
    this.#connect = connect;
    this.#close = close;
  }

  forOneCancel(): Promise<Session> {
    if (this.#current === undefined || ++this.#cancels % CANCELS_OF_A_SESSION === 0) {
      this.#before?.then(this.#close);
      this.#before = this.#current;
      this.#current = this.#connect();
    }
    return this.#current;
  }
}
