import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessUsage {
  cpuMicros: number;
  residentBytes: number;
  /** At most until now. */
  peakBytes: number;
}

/** Linux: as sysconf(_SC_CLK_TCK) and the page size are on every platform that Node supports there. */
const microsPerTick = 10_000;

/** Starts something that is one child process, and says which. */
export async function startChild<T>(start: () => Promise<T>): Promise<{ server: T; pid: number }> {
  const before = new Set(childPids());
  const server = await start();
  const pid = childPids().find((candidate) => !before.has(candidate));
  if (pid === undefined) throw new Error('no child process was started');
  return { server, pid };
}

export function usageOf(pid: number): ProcessUsage {
  // After the name, which may have spaces and brackets: fields 14 and 15 of proc_pid_stat(5).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return {
    cpuMicros: (Number(fields[11]) + Number(fields[12])) * microsPerTick,
    residentBytes: bytesOf('VmRSS'),
    peakBytes: bytesOf('VmHWM'),
  };
}

export function childPids(pid: number | 'self' = 'self'): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
