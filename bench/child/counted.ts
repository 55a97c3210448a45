// Both sides of one set-up in one process, which ends with its last operation: for who counts what the process did.
import type { SetUp, Workload } from '../plan.ts';
import { inLanes, loadWorkload, startTelemetry } from './work.ts';

const [, , setUp, workload, operations, concurrency] = process.argv as unknown as [
  string,
  string,
  SetUp,
  Workload,
  string,
  string,
];
// Before the workload loads gRPC or HTTP: an instrumentation sees only what is required after it.
const telemetry = await startTelemetry(setUp, 'client');
const { serve, caller } = await loadWorkload(workload);
const inFlight = Number(concurrency);
const operate = await caller(setUp, workload, await serve(setUp), inFlight);
const lanes = (): Promise<void> => inLanes(operate, Number(operations), inFlight);
await (telemetry?.around?.(lanes) ?? lanes());
await telemetry?.flush();
// What is left open is no part of it.
process.exit(0);
