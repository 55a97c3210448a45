/** Asks the server, and again when there is more. */
import { useEffect, useState } from 'preact/hooks';
import type { Counts } from './answers.ts';

export interface Answer<T> {
  readonly value: T | undefined;
  /** Why there is none. */
  readonly error: string | undefined;
}

/**
 * The old answer stands until the new one is there, unless it is of something else.
 *
 * @param path below /api/
 * @param version asked again when it changes
 */
export function useAnswer<T>(path: string, version: unknown): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { path?: string }>({ value: undefined, error: undefined });
  useEffect(() => {
    const controller = new AbortController();
    ask<T>(path, controller.signal).then(
      (value) => setAnswer({ value, error: undefined, path }),
      (error: Error) => {
        if (!controller.signal.aborted) setAnswer({ value: undefined, error: error.message, path });
      },
    );
    return () => controller.abort();
  }, [path, version]);
  const isOfSame = answer.path?.split('?')[0] === path.split('?')[0];
  return isOfSame ? answer : { value: undefined, error: undefined };
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
