/** How far it is, at a terminal, when it takes longer than a second. */
import type { Output } from './arguments.ts';

const FROM_MS = 1_000;
const EVERY_MS = 200;

export class Progress {
  readonly #stderr: Output['stderr'];
  #nextMs: number = Date.now() + FROM_MS;
  #bytes = 0;
  #spans = 0;
  #isShown = false;

  constructor(stderr: Output['stderr']) {
    this.#stderr = stderr;
  }

  read(bytes: number): void {
    this.#bytes += bytes;
    this.#show(() => `read ${Math.round(this.#bytes / 2 ** 20)} MiB`);
  }

  requested(count: number): void {
    this.#show(() => `read ${count} requests on the wire`);
  }

  looked(spans: number, of: number): void {
    this.#spans += spans;
    this.#show(() => `looked at ${Math.round((100 * this.#spans) / of)} % of ${of} spans`);
  }

  asked(count: number, most: number): void {
    this.#show(() => `asks for the ${count}. time, of at most ${most}`);
  }

  /** Nothing is left of it. */
  end(): void {
    if (this.#isShown) this.#stderr.write('\r\u001b[K');
  }

  #show(text: () => string): void {
    if (!this.#stderr.isTTY || Date.now() < this.#nextMs) return;
    this.#nextMs = Date.now() + EVERY_MS;
    this.#isShown = true;
    this.#stderr.write(`\r${text()} …\u001b[K`);
  }
}
