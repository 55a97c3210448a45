/** The terminal that a command and the program that it starts share. */
import { spawnSync } from 'node:child_process';

/** Then Ctrl-C goes to all processes in its foreground, whoever reads from it. */
export function isAtTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY === true);
}

export function isColoured(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

/** Whether it shows what is no ASCII, as far as the environment tells. */
export function isUtf8(): boolean {
  if (process.platform === 'win32' || process.platform === 'darwin') return true;
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

/**
 * How its keys are read, whose Ctrl-C is a signal or not: a program that is killed leaves it as it has set it.
 * @returns gives it back as it is now
 */
export function rememberTerminal(): () => void {
  const mode = process.stdin.isTTY ? stty('-g') : '';
  return mode === '' ? () => {} : () => void stty(mode);
}

/** In the background it would be stopped. */
const LIMIT_MS = 1_000;

function stty(argument: string): string {
  const { stdout } = spawnSync('stty', [argument], {
    stdio: ['inherit', 'pipe', 'ignore'],
    encoding: 'utf8',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  // Null where there is no such command.
  return stdout?.trim() ?? '';
}
