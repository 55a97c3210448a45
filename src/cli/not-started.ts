/** Why a program could not be started, to whoever named it. */
import { UserError } from '../spans/user-error.ts';

/** @param error as spawn() tells it */
export function notStarted(command: string, error: NodeJS.ErrnoException): UserError {
  return new UserError(`${command}: ${reasonOf(command, error)}`);
}

function reasonOf(command: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'no such command';
  if (code !== 'EACCES') return message;
  const isScript = /\.[cm]?[jt]s$/.test(command);
  return `may not be executed${isScript ? `; Node.js runs it by: node ${command}` : ''}`;
}
