/**
 * Says whether exports work: one line at the first that fails, one when they work again, one at the end of the
 * process when they do not. A process whose exports work says nothing.
 */
import { explain } from './export-advice.ts';
import { shownUrl } from './otlp-checks.ts';

export type Signal = 'spans' | 'metrics';

export class ExportHealth {
  readonly #signal: Signal;
  readonly #url: string;
  readonly #say: (line: string) => void;
  /** Set while exports fail. */
  #cause: unknown;
  #isSaid = false;
  #isEnding = false;
  /** Since they fail. */
  #lost = 0;

  constructor(signal: Signal, url: string, say: (line: string) => void) {
    this.#signal = signal;
    this.#url = shownUrl(url);
    this.#say = say;
  }

  succeeded(): void {
    if (this.#isSaid) {
      const lost = this.#signal === 'spans' ? `; ${count(this.#lost)} lost in between` : '';
      this.#say(`${this.#signal} are exported again to ${this.#url}${lost}.`);
    }
    this.#cause = undefined;
    this.#isSaid = false;
    this.#lost = 0;
  }

  /** @param lost how many spans were in it */
  failed(lost: number, cause: unknown): void {
    this.#cause ??= cause;
    this.#lost += lost;
    if (this.#isSaid || this.#isEnding) return;
    this.#isSaid = true;
    this.#say(`${this.#signal} are not exported to ${this.#url}: ${explain(this.#cause)}`);
  }

  /** From now on only the end counts. */
  ending(): void {
    this.#isEnding = true;
  }

  ended(): void {
    if (this.#cause === undefined) return;
    const isCounted = this.#signal === 'spans';
    if (this.#isSaid) {
      if (isCounted) this.#say(`${count(this.#lost)} lost at the end: exports to ${this.#url} still fail.`);
      return;
    }
    const what = isCounted ? `${count(this.#lost)} lost, not exported` : 'metrics were not exported';
    this.#say(`${what} to ${this.#url}: ${explain(this.#cause)}`);
  }
}

function count(spans: number): string {
  return spans === 1 ? '1 span was' : `${spans} spans were`;
}
