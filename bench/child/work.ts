/** The telemetry of a set-up, and the operations of a workload. */
import { isVendor, type Role, type SetUp, type Workload } from '../plan.ts';
import type { Telemetry } from './telemetry.ts';

/** A vendor's process has nothing of the SDK, the others nothing of a vendor. */
export async function startTelemetry(setUp: SetUp, role: Role): Promise<Telemetry | undefined> {
  if (isVendor(setUp)) return (await import('./vendors.ts')).startVendor(setUp, role);
  return (await import('./telemetry.ts')).startTelemetry(setUp, role);
}

export function loadWorkload(workload: Workload) {
  if (workload.startsWith('grpc')) return import('./grpc.ts');
  return workload.startsWith('fetch') ? import('./fetch.ts') : import('./http.ts');
}

/** So many operations, so many of them in flight. */
export async function inLanes(
  operate: () => Promise<void>,
  operations: number,
  concurrency: number,
): Promise<void> {
  let remaining = operations;
  async function lane(): Promise<void> {
    // One await per operation puts the lane's own context back: no operation becomes the child of the last one.
    while (remaining-- > 0) await operate();
  }
  await Promise.all(Array.from({ length: concurrency }, lane));
}
