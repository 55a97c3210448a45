#!/usr/bin/env node
/** The command: `opentelemetry-instrumentation-cancellation <command> …`. */
import { runCommandLine } from './command-line.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), process);
