/** How much each side of an HTTP/2 connection may send, and for how long it could send nothing: RFC 9113, section 6.9. */
import type { Side } from './exchange.ts';

/** Bytes, until a SETTINGS or WINDOW_UPDATE says otherwise. */
const INITIAL_WINDOW = 65_535;
const CONNECTION = 0;

interface Window {
  bytes: number;
  /** Unix time in ms; undefined while there is something left. */
  emptySinceMs: number | undefined;
  /** The stream whose data emptied it: only of that is known that it had more to send. */
  emptiedBy: number | undefined;
  /** For how long it was empty until it was opened again; counted once that stream sends something. */
  openedAfterMs: number;
}

export class FlowControl {
  readonly #initial: Record<Side, number> = { client: INITIAL_WINDOW, server: INITIAL_WINDOW };
  /** By who sends, and the stream; 0 is the connection's own. */
  readonly #windows = new Map<string, Window>();

  /** For streams that begin from now on, and those that are open. */
  begin(sender: Side, initial: number): void {
    const change = initial - this.#initial[sender];
    this.#initial[sender] = initial;
    for (const [key, window] of this.#windows)
      if (key.startsWith(sender) && !key.endsWith(` ${CONNECTION}`)) window.bytes += change;
  }

  grant(sender: Side, stream: number, bytes: number, atMs: number): void {
    const window = this.#windowOf(sender, stream);
    window.bytes += bytes;
    if (window.bytes <= 0 || window.emptySinceMs === undefined) return;
    window.openedAfterMs += atMs - window.emptySinceMs;
    window.emptySinceMs = undefined;
  }

  /** @returns for how many ms it had to wait since it last sent something, by either window */
  sent(sender: Side, stream: number, bytes: number, atMs: number): number {
    let waitedMs = 0;
    for (const window of [this.#windowOf(sender, CONNECTION), this.#windowOf(sender, stream)]) {
      if (window.emptiedBy === stream) waitedMs = Math.max(waitedMs, window.openedAfterMs);
      window.openedAfterMs = 0;
      window.bytes -= bytes;
      window.emptiedBy = window.bytes <= 0 ? stream : undefined;
      if (window.bytes <= 0) window.emptySinceMs ??= atMs;
    }
    return waitedMs;
  }

  forget(stream: number): void {
    for (const sender of ['client', 'server'] as const) this.#windows.delete(`${sender} ${stream}`);
  }

  #windowOf(sender: Side, stream: number): Window {
    const key = `${sender} ${stream}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const bytes = stream === CONNECTION ? INITIAL_WINDOW : this.#initial[sender];
    const window = { bytes, emptySinceMs: undefined, emptiedBy: undefined, openedAfterMs: 0 };
    this.#windows.set(key, window);
    return window;
  }
}
