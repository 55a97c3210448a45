/**
 * V8's CPU profile, in slices: what is killed leaves all but the last.
 *
 * By console.profile(), which the profiler of a session listens to, and not by the session's own start and stop. Of those there is only one
 * profile at a time, and V8 looks through the whole heap for code whenever the first one starts: 50 to 100 ms. The next slice starts before
 * this one ends, so it costs less than 1 ms, and nothing is left out in between.
 */
import type { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { PACKAGE_NAME } from '../version.ts';
import { sliceFileOf } from './files.ts';
import type { RecorderPart } from './part.ts';
import type { ProcessFolder } from './process-folder.ts';
import { monotonicUs, nowMs } from './times.ts';

const SLICE_MS = 2_000;
const SAMPLE_EVERY_US = 1_000;
/** All of ours is in one folder: as ES modules are named, and as others are. */
const OWN_PLACES = [new URL('../', import.meta.url).href, fileURLToPath(new URL('../', import.meta.url))];
const { profile: startProfile, profileEnd: endProfile } = console;

interface Finished {
  readonly title?: string;
  readonly profile: { readonly startTime: number; readonly endTime: number };
}

export function cpuPart(folder: ProcessFolder): RecorderPart {
  let session: Session | undefined;
  /** Of the slice under way, from 1. */
  let number = 0;
  let startedMs = 0;
  let finished: Finished[] = [];
  const startNext = (): void => {
    number++;
    startedMs = nowMs();
    startProfile(titleOf(number));
  };
  const write = (): void => {
    const all = finished;
    finished = [];
    for (const { title, profile } of all) {
      const ofSlice = numberOf(title);
      if (ofSlice !== undefined) folder.put(sliceFileOf(ofSlice), timed(profile));
    }
  };
  return {
    name: 'cpu',
    start() {
      session = new (process.getBuiltinModule('node:inspector').Session)();
      session.connect();
      post(session, 'Profiler.enable');
      post(session, 'Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
      // What is thrown in here would be an error of the program's.
      session.on('Profiler.consoleProfileFinished', ({ params }: { params: Finished }) => {
        finished.push(params);
      });
      startNext();
    },
    tick() {
      if (nowMs() - startedMs < SLICE_MS) return;
      startNext();
      endProfile(titleOf(number - 1));
      write();
    },
    end() {
      endProfile(titleOf(number));
      write();
      session?.disconnect();
    },
  };
}

/** Synchronous, as is all that a session of its own thread does. */
function post(session: Session, method: string, params: object = {}): void {
  session.post(method, params, (error) => {
    if (error !== null) throw new Error(error.message);
  });
}

/** The program may profile as well. */
function titleOf(number: number): string {
  return `${PACKAGE_NAME} ${number}`;
}

function numberOf(title = ''): number | undefined {
  return title.startsWith(`${PACKAGE_NAME} `) ? Number(title.slice(PACKAGE_NAME.length + 1)) : undefined;
}

/** With its times on the clock of the process. Both count what CLOCK_MONOTONIC does. */
function timed(profile: Finished['profile']): object {
  const offsetMs = nowMs() - monotonicUs() / 1_000;
  const atMs = (us: number): number => us / 1_000 + offsetMs;
  return {
    ...profile,
    startMs: atMs(profile.startTime),
    endMs: atMs(profile.endTime),
    ownPlaces: OWN_PLACES,
  };
}
