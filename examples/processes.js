// Starts the shop's processes, each with the instrumentation preloaded, and never leaves one behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const stopLimitMs = 4000;
const running = new Set();

// Whatever ends this process ends its children. SIGKILL, because nothing can be awaited in 'exit'.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Runs `node --import <package>/register <script>`, with other files preloaded as well.
 *
 * @param {string} script relative to `cwd`
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, isService: boolean, preloaded?: string[],
 *   onLine: (line: string) => void, onDeath: (error: Error) => void }} options
 *   `onDeath` is called when the process fails, when a service ends untold, or does not stop when told.
 */
export function startProcess(script, { cwd, env, isService, preloaded = [], onLine, onDeath }) {
  const register = 'opentelemetry-instrumentation-cancellation/register';
  const imports = [register, ...preloaded].flatMap((file) => ['--import', file]);
  const child = spawn(process.execPath, [...imports, script], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let isStopping = false;
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    const isDone = code === 0 && (isStopping || !isService);
    const isTerminated = signal === 'SIGTERM' && isStopping;
    if (!isDone && !isTerminated) onDeath(new Error(`${script} died (${signal ?? `exit code ${code}`})`));
  });
  createInterface({ input: child.stderr }).on('line', onLine);
  const output = createInterface({ input: child.stdout }).on('line', onLine);
  /** The first match of a line that is yet to come. */
  const line = (pattern) =>
    new Promise((resolve) => {
      output.on('line', (text) => {
        const match = pattern.exec(text);
        if (match) resolve(match);
      });
    });
  const listening = line(/^listening on (\S+)$/).then(([, address]) => address);

  return {
    ended,
    line,
    /** The address that the service prints once it is ready. */
    listening,
    async stop() {
      isStopping = true;
      child.kill('SIGTERM');
      const limit = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
      await ended;
      clearTimeout(limit);
    },
  };
}
