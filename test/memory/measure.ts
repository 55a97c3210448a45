/** What operations leave behind: nothing. Each kind of them, by each protocol, in a process of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { scriptFile } from '../support/script.ts';
import type { Left } from './left.ts';

const PROTOCOLS = ['http', 'fetch', 'http2', 'grpc'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/**
 * healthy: answered, with one signal for all, on one connection where the client can be told. cancelled: by the client, through any() of that
 * signal. mixed: a quarter of them cancelled. held: healthy, beside others that never end. forgotten: all of them never end, and
 * nobody keeps them.
 */
const KINDS = ['healthy', 'cancelled', 'mixed', 'held', 'forgotten'] as const;
export type Kind = (typeof KINDS)[number];

/** Operations beside which others are done. */
export const HELD = 100;

export interface Case {
  readonly protocol: Protocol;
  readonly kind: Kind;
}

export const cases: readonly Case[] = PROTOCOLS.flatMap(
  (protocol) => KINDS.map((kind) => ({ protocol, kind })),
  // Whatever fetch() and HTTP/2 know of is kept by a connection, or ended.
).filter(({ protocol, kind }) => kind !== 'forgotten' || protocol === 'http' || protocol === 'grpc');

export interface Task extends Case {
  /** Operations. */
  readonly total: number;
  /** Without the instrumentation: what is left then is Node's. */
  readonly isPlain?: boolean;
  /** With a leak of each kind in each operation: they have to be found. */
  readonly isPlanted?: boolean;
}

export interface Report {
  /** When a tenth of the operations were done, 40 %, 70 %, and all. */
  readonly marks: readonly Left[];
  /** Made for operations, open at the end, and of those that ended the cancelled ones. */
  readonly spans: { readonly made: number; readonly open: number; readonly cancelled: number };
  readonly connections?: number | undefined;
  readonly complaints: readonly string[];
  readonly seconds: number;
}

export async function measure(task: Task): Promise<Report> {
  const workload = scriptFile('./workload.ts', import.meta.url);
  // Else Node writes warnings to stderr, too: they are among the complaints.
  const flags = ['--expose-gc', '--no-warnings', workload, JSON.stringify(task)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, flags);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout) as Report;
}
