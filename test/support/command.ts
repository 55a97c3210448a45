/** A command line of ours, run in this process. */
import { runCommandLine } from '../../src/cli/command-line.ts';

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runCommand(...args: readonly string[]): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  const exitCode = await runCommandLine(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { exitCode, stdout, stderr };
}
