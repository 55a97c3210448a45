// One side of one set-up: serves or calls as the parent says. Compiled to plain JavaScript before the run,
// because a loader's helpers and source maps would be measured too.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply, Request, Usage } from '../messages.ts';
import { isVendor, type Role, type SetUp, type Workload } from '../plan.ts';
import { startProfile, stopProfile } from './profile.ts';
import type { Telemetry } from './telemetry.ts';

// Nobody forces a garbage collection between rounds: a full one in an idle process makes V8 forget the shapes of
// the objects of an operation, and the next round would mostly measure how it learns them again.

/** Lets the last operations settle on this side. Idle time costs no CPU, so it does not show in the figures. */
const settleMs = 5;

let telemetry: Telemetry | undefined;
let operate: (() => Promise<void>) | undefined;
let concurrency = 1;
let cpuAtMark = process.cpuUsage();
let spansAtMark = 0;

async function answer(request: Request): Promise<Reply> {
  switch (request.do) {
    case 'start':
      return { done: 'start', port: await start(request) };
    case 'mark':
      spansAtMark = telemetry?.exported() ?? 0;
      cpuAtMark = process.cpuUsage();
      return { done: 'mark' };
    case 'run':
      await run(request.operations);
      return { done: 'run' };
    case 'profile':
      await startProfile();
      return { done: 'profile' };
    case 'profiled':
      return { done: 'profiled', times: await stopProfile() };
    case 'report':
      return { done: 'report', usage: await usageSinceMark() };
  }
}

async function start(request: Request & { do: 'start' }): Promise<number> {
  // Before the workload loads gRPC or HTTP: an instrumentation sees only what is required after it.
  telemetry = await startTelemetry(request.setUp, request.role);
  const workload = await load(request.workload);
  if (request.role === 'server') return workload.serve(request.setUp);
  concurrency = request.concurrency;
  operate = await workload.caller(request.setUp, request.workload, request.port, concurrency);
  return request.port;
}

/** A vendor's process has nothing of the SDK, the others nothing of a vendor. */
async function startTelemetry(setUp: SetUp, role: Role): Promise<Telemetry | undefined> {
  if (isVendor(setUp)) return (await import('./vendors.ts')).startVendor(setUp, role);
  return (await import('./telemetry.ts')).startTelemetry(setUp, role);
}

function load(workload: Workload) {
  if (workload.startsWith('grpc')) return import('./grpc.ts');
  return workload.startsWith('fetch') ? import('./fetch.ts') : import('./http.ts');
}

async function run(operations: number): Promise<void> {
  let remaining = operations;
  const operateOnce = operate;
  if (operateOnce === undefined) throw new Error('Only a client runs operations');
  async function lane(): Promise<void> {
    // One await per operation puts the lane's own context back: no operation becomes the child of the last one.
    while (remaining-- > 0) await operateOnce?.();
  }
  const lanes = async () => void (await Promise.all(Array.from({ length: concurrency }, lane)));
  await (telemetry?.around?.(lanes) ?? lanes());
}

async function usageSinceMark(): Promise<Usage> {
  await sleep(settleMs);
  // Inside the measured stretch: every round pays for the export of its own spans.
  await telemetry?.flush();
  const { user, system } = process.cpuUsage(cpuAtMark);
  const sample = telemetry?.sample();
  return {
    cpuMicros: user + system,
    spans: (telemetry?.exported() ?? 0) - spansAtMark,
    ...(sample === undefined ? {} : { sample }),
  };
}

process.on('message', async (request: Request) => {
  const reply = await answer(request).catch((error: unknown): Reply => {
    return { done: 'failed', error: error instanceof Error ? String(error.stack) : String(error) };
  });
  process.send?.(reply);
});
process.on('disconnect', () => process.exit());
