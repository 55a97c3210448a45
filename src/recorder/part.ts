/** One thing that is recorded. What it throws ends it, and nothing else. */

export interface RecorderPart {
  /** As it is called where it is missing. */
  readonly name: string;
  start(): void;
  /** Every second, when the event loop turns. */
  tick?(): void;
  /** Before the process ends. Nothing asynchronous runs any more. */
  end(): void;
}

/** Those that still work. */
export class Parts {
  readonly #working = new Set<RecorderPart>();
  readonly #absent: Record<string, string>;

  /** @param absent is told what does not work, and why */
  constructor(absent: Record<string, string>) {
    this.#absent = absent;
  }

  start(part: RecorderPart): void {
    this.#working.add(part);
    this.#safely(part, () => part.start());
  }

  tick(): void {
    for (const part of this.#working) this.#safely(part, () => part.tick?.());
  }

  end(): void {
    for (const part of this.#working) this.#safely(part, () => part.end());
  }

  #safely(part: RecorderPart, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#working.delete(part);
      this.#absent[part.name] = String((error as Error)?.message ?? error);
    }
  }
}
