/** The program that a command runs: instrumented, and otherwise as without the command. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { isFields } from '../spans/shape.ts';
import { PACKAGE_NAME } from '../version.ts';
import { exitCodeOf, onEndSignal } from './interrupts.ts';
import { notStarted } from './not-started.ts';
import { isAtTerminal } from './terminal.ts';

export interface Ended {
  /** Or that of the signal that ended it. */
  readonly exitCode: number;
  /** By which it was ended. */
  readonly signal: NodeJS.Signals | null;
  /** So are we: by another signal than Ctrl-C, such as when the terminal is closed. */
  readonly isToldToEnd: boolean;
}

/** @throws {UserError} when it cannot be started */
export async function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  let isToldToEnd = false;
  const child = spawn(command, args, { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to all of its processes: the program has it already, and a second one may mean more to it.
  const stop = onEndSignal((signal) => {
    isToldToEnd ||= signal !== 'SIGINT';
    if (signal !== 'SIGINT' || !isAtTerminal()) child.kill(signal);
  });
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return { exitCode: signal === null ? (code ?? 0) : exitCodeOf(signal), signal, isToldToEnd };
  } catch (error) {
    throw notStarted(command, error as NodeJS.ErrnoException);
  } finally {
    stop();
  }
}

/** @returns the URL of a file of ours that is preloaded */
export function preloaded(path: string): URL {
  return new URL(path, import.meta.resolve(`${PACKAGE_NAME}/register`));
}

/**
 * @param url where its spans go to
 * @param options of the instrumentation, unless the user has others
 * @param after what is preloaded after it
 */
export function instrumentedEnvironment(
  url: string,
  options: object,
  after: readonly URL[] = [],
): NodeJS.ProcessEnv {
  const { NODE_OPTIONS = '' } = process.env;
  const imports = [preloaded('register.js'), ...after].map(({ href }) => `--import ${href}`);
  return {
    ...process.env,
    NODE_OPTIONS: [NODE_OPTIONS, ...imports].join(' ').trim(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_TRACES_EXPORTER: 'otlp',
    // Often: somebody waits for it.
    OTEL_BSP_SCHEDULE_DELAY: '500',
    OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: withOptions(
      process.env.OTEL_INSTRUMENTATION_CANCELLATION_CONFIG,
      options,
    ),
    ...(isServiceNamed() ? {} : { OTEL_SERVICE_NAME: basename(process.cwd()) }),
  };
}

/** What is no object is left for the program to complain of. */
function withOptions(config: string | undefined, options: object): string {
  try {
    const given: unknown = JSON.parse(config || '{}');
    return isFields(given) ? JSON.stringify({ ...options, ...given }) : String(config);
  } catch {
    return String(config);
  }
}

function isServiceNamed(): boolean {
  const { OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES = '' } = process.env;
  return Boolean(OTEL_SERVICE_NAME) || OTEL_RESOURCE_ATTRIBUTES.includes('service.name=');
}
