/** Asks the server, and again when there is more. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Counts } from './answers.ts';

export interface Answer<T> {
  readonly value: T | undefined;
  /** Why there is none. */
  readonly error: string | undefined;
}

const NONE = { value: undefined, error: undefined };

/** A server that has much to do is left in peace for so many times as long as it took to answer. */
const REST = 3;

/**
 * The old answer stands until the new one is there, unless it is of something else.
 *
 * @param path below /api/; undefined: nothing is asked
 * @param version asked again when it changes, but not before the last answer is there
 */
export function useAnswer<T>(path: string | undefined, version: unknown): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { path?: string }>(NONE);
  const asker = useRef<Asker>(undefined);
  useEffect(() => {
    if (path === undefined) return undefined;
    const made = new Asker(async (signal) => {
      try {
        const value = await ask<T>(path, signal);
        if (!signal.aborted) setAnswer({ value, error: undefined, path });
      } catch (error) {
        if (!signal.aborted) setAnswer({ value: undefined, error: (error as Error).message, path });
      }
    });
    asker.current = made;
    return () => {
      made.stop();
      asker.current = undefined;
    };
  }, [path]);
  useEffect(() => asker.current?.again(), [path, version]);
  const isOfSame = path !== undefined && answer.path?.split('?')[0] === path.split('?')[0];
  return isOfSame ? answer : NONE;
}

class Asker {
  readonly #controller = new AbortController();
  readonly #ask: (signal: AbortSignal) => Promise<void>;
  #isBusy = false;
  #isDue = false;

  constructor(ask: (signal: AbortSignal) => Promise<void>) {
    this.#ask = ask;
  }

  again(): void {
    this.#isDue = true;
    if (!this.#isBusy) void this.#askWhileDue();
  }

  stop(): void {
    this.#isDue = false;
    this.#controller.abort();
  }

  async #askWhileDue(): Promise<void> {
    this.#isBusy = true;
    while (this.#isDue) {
      this.#isDue = false;
      const askedAt = performance.now();
      await this.#ask(this.#controller.signal);
      const restMs = REST * (performance.now() - askedAt);
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
    this.#isBusy = false;
  }
}

async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(`api/${path}`, { signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? `${response.status}`);
  return answer;
}

export interface Live {
  readonly counts: Counts | undefined;
  readonly isConnected: boolean;
}

/** What is kept, as it changes. A page that nobody looks at asks for nothing. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ counts: undefined, isConnected: false });
  useEffect(() => {
    let source: EventSource | undefined;
    const open = () => {
      source = new EventSource('api/changes');
      source.onmessage = ({ data }) => setLive({ counts: JSON.parse(data), isConnected: true });
      source.onerror = () => setLive(({ counts }) => ({ counts, isConnected: false }));
    };
    const follow = () => {
      source?.close();
      if (document.visibilityState === 'visible') open();
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      source?.close();
    };
  }, []);
  return live;
}
