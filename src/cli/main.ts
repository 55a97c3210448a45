#!/usr/bin/env node
/** The command: `opentelemetry-instrumentation-cancellation <command> …`. */
import { runCommandLine } from './command-line.ts';

// Whoever read it has read enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});
process.exitCode = await runCommandLine(process.argv.slice(2), process);
