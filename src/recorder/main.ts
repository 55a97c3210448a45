/**
 * Preloaded into each Node.js process of a program that is recorded: `node --import <this>?folder=…&async=1 app.js`.
 *
 * The program runs as without it, whatever goes wrong here: what could not be recorded is missing, and the reader says so.
 */
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';

try {
  const { searchParams } = new URL(import.meta.url);
  const folder = searchParams.get('folder');
  // Threads are not recorded: a profile is one of the main thread, and so is the event loop.
  if (folder !== null && isMainThread) {
    const require = createRequire(import.meta.url);
    const { start } = require('./start.js') as typeof import('./start.ts');
    start(folder, searchParams.has('async'));
  }
} catch {
  // There is no place to say it but the program's own output.
}
