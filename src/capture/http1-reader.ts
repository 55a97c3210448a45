/** What one side of an HTTP/1.1 connection sends, as heads and ends of messages: RFC 9112. Bodies are counted, not kept. */
import type { Header } from './header.ts';

export interface Http1Head {
  /** Undefined: it is an answer. */
  readonly method: string | undefined;
  readonly target: string;
  readonly status: number | undefined;
  readonly headers: readonly Header[];
}

/** Of a body: its bytes, or what ends it. */
export type Framing = number | 'chunked' | 'close';

export interface Http1Events {
  /** @returns undefined: it is followed by the head that counts, as one of 100 is */
  readonly onHead: (head: Http1Head) => Framing | undefined;
  readonly onEnd: () => void;
  /** Of what goes on until the connection closes. */
  readonly onUntilClose: (content: Buffer) => void;
}

/** `lost`: bytes are missing, so that a message is known again by its first line. */
type State = 'head' | 'body' | 'chunk size' | 'chunk' | 'trailers' | 'until close' | 'lost';

/** Bytes. Node takes 16 KiB of a head, others 64. */
const MAX_HEAD = 262_144;
const END_OF_HEAD = '\r\n\r\n';
const FIRST_LINE = /^(?:([A-Z][A-Z0-9_-]*) (\S+) HTTP\/1\.[01]|HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?)\r\n/;

/** It begins as a message does. */
export function beginsMessage(content: Buffer): boolean {
  return FIRST_LINE.test(content.toString('latin1', 0, MAX_HEAD));
}

export class Http1Reader {
  readonly #events: Http1Events;
  #state: State = 'head';
  /** Of a head or a line that is not whole. */
  #begun = '';
  /** Bytes of the body or the chunk that are still to come. */
  #left = 0;

  constructor(events: Http1Events) {
    this.#events = events;
  }

  get isUntilClose(): boolean {
    return this.#state === 'until close';
  }

  take(content: Buffer): void {
    if (this.#state === 'lost' && beginsMessage(content)) this.#expect('head');
    for (let at = 0; at < content.length; ) at = this.#step(content, at);
  }

  lose(): void {
    this.#expect('lost');
  }

  /** @returns where the next step begins */
  #step(content: Buffer, at: number): number {
    switch (this.#state) {
      case 'lost':
        return content.length;
      case 'until close':
        this.#events.onUntilClose(content.subarray(at));
        return content.length;
      case 'head':
        return this.#until(END_OF_HEAD, content, at, (text) => this.#head(text));
      case 'chunk size':
        return this.#until('\r\n', content, at, (line) => this.#chunk(Number.parseInt(line, 16)));
      case 'trailers':
        return this.#until('\r\n', content, at, (line) => {
          if (line === '\r\n') this.#end();
        });
      case 'body':
      case 'chunk': {
        const taken = Math.min(this.#left, content.length - at);
        this.#left -= taken;
        if (this.#left === 0 && this.#state === 'chunk') this.#expect('chunk size');
        else if (this.#left === 0) this.#end();
        return at + taken;
      }
    }
  }

  #until(mark: string, content: Buffer, at: number, found: (text: string) => void): number {
    const whole = this.#begun === '' ? content.indexOf(mark, at, 'latin1') : -1;
    if (whole !== -1) {
      // A packet may have thousands of chunks: what comes after each is not copied.
      found(content.toString('latin1', at, whole + mark.length));
      return whole + mark.length;
    }
    const text = this.#begun + content.toString('latin1', at);
    const index = text.indexOf(mark);
    if (index === -1) {
      this.#begun = text;
      if (text.length > MAX_HEAD) this.lose();
      return content.length;
    }
    const end = index + mark.length;
    const next = at + end - this.#begun.length;
    this.#begun = '';
    found(text.slice(0, end));
    return next;
  }

  #head(text: string): void {
    const [, method, target, status] = FIRST_LINE.exec(text) ?? [];
    if (method === undefined && status === undefined) {
      this.lose();
      return;
    }
    const headers = text
      .split('\r\n')
      .slice(1, -2)
      .map((line): Header => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      });
    const head = {
      method,
      target: target ?? '',
      status: status === undefined ? undefined : Number(status),
      headers,
    };
    const framing = this.#events.onHead(head);
    if (framing === 'chunked') this.#expect('chunk size');
    else if (framing === 'close') this.#expect('until close');
    else if (framing === 0) this.#events.onEnd();
    else if (framing !== undefined) {
      this.#expect('body');
      this.#left = framing;
    }
  }

  #chunk(size: number): void {
    if (size === 0) this.#expect('trailers');
    else if (size > 0) {
      this.#expect('chunk');
      // With the end of its line.
      this.#left = size + 2;
    } else this.lose();
  }

  #end(): void {
    this.#expect('head');
    this.#events.onEnd();
  }

  #expect(state: State): void {
    this.#state = state;
    this.#begun = '';
  }
}
