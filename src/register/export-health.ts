/**
 * Says whether exports work: one line at the first that fails, one when they work again, one at the end of the
 * process when they do not. A process whose exports work says nothing, and one whose exports fail now and then says it now and then.
 */
import { explain } from './export-advice.ts';
import { shownUrl } from './otlp-checks.ts';

export type Signal = 'spans' | 'metrics';

/** So often it is said at once that exports fail; then once in a while, in ms. */
const SAID_AT_ONCE = 3;
const PAUSE_MS = 10 * 60_000;

export class ExportHealth {
  readonly #signal: Signal;
  readonly #url: string;
  readonly #say: (line: string) => void;
  readonly #nowMs: () => number;
  #isFailing = false;
  /** Of the first failure since they failed, or since what was lost was told. */
  #cause: unknown;
  /** Whether it was said that they fail. */
  #isSaid = false;
  #timesSaid = 0;
  #lastSaidAtMs = 0;
  #isEnding = false;
  /** Spans of which nothing was said. */
  #lost = 0;

  /** @param nowMs on a clock that never goes back */
  constructor(
    signal: Signal,
    url: string,
    say: (line: string) => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#signal = signal;
    this.#url = shownUrl(url);
    this.#say = say;
    this.#nowMs = nowMs;
  }

  /** Spans that are lost, and of which that is not said yet. */
  get untold(): number {
    return this.#lost;
  }

  succeeded(): void {
    this.#isFailing = false;
    if (!this.#isSaid) return;
    const lost = this.#signal === 'spans' ? `; ${count(this.#lost)} lost in between` : '';
    this.#say(`${this.#signal} are exported again to ${this.#url}${lost}.`);
    this.#cause = undefined;
    this.#isSaid = false;
    this.#lost = 0;
  }

  /** @param lost how many spans were in it */
  failed(lost: number, cause: unknown): void {
    this.#isFailing = true;
    this.#cause ??= cause;
    this.#lost += lost;
    if (this.#isSaid || this.#isEnding || !this.#isTime()) return;
    this.#isSaid = true;
    this.#timesSaid++;
    this.#lastSaidAtMs = this.#nowMs();
    this.#say(`${this.#signal} are not exported to ${this.#url}: ${explain(this.#cause)}`);
  }

  /** From now on only the end counts. */
  ending(): void {
    this.#isEnding = true;
  }

  ended(): void {
    const isCounted = this.#signal === 'spans';
    if (!this.#isFailing && this.#lost === 0) return;
    if (this.#isSaid) {
      if (isCounted) this.#say(`${count(this.#lost)} lost at the end: exports to ${this.#url} still fail.`);
      return;
    }
    const what = isCounted ? `${count(this.#lost)} lost, not exported` : 'metrics were not exported';
    this.#say(`${what} to ${this.#url}: ${explain(this.#cause)}`);
  }

  #isTime(): boolean {
    return this.#timesSaid < SAID_AT_ONCE || this.#nowMs() - this.#lastSaidAtMs >= PAUSE_MS;
  }
}

function count(spans: number): string {
  return spans === 1 ? '1 span was' : `${spans} spans were`;
}
