import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ExportTurn } from '../child/exporting.ts';
import { type Estimate, estimate } from '../statistics.ts';
import type { Launch, Settings } from './settings.ts';
import { Sink } from './sink.ts';

/** Whether the operations complete or are cancelled. */
export type Kind = 'done' | 'cancelled';

export interface ExportCost {
  /** CPU time in the service for each span, from its end until it was sent. */
  micros: Record<Way, Estimate>;
  /** As sent, uncompressed JSON. */
  bytesPerSpan: number;
  /** An export of some 512 spans, as it was sent. */
  body: string;
}

/** Register's own thread; the SDK's batch processor alone. */
const ways = ['thread', 'batch'] as const;
type Way = (typeof ways)[number];

export async function measureExport(kind: Kind, settings: Settings, launch: Launch): Promise<ExportCost> {
  const sink = await Sink.start();
  const children = new Map<Way, ChildProcess>();
  try {
    for (const way of ways) children.set(way, await startService(kind, way, sink.url, launch));
    const micros: Record<Way, number[]> = { thread: [], batch: [] };
    // The first round warms up.
    for (let round = 0; round <= settings.rounds; round++) {
      for (const [way, child] of children) {
        const before = sink.spans;
        const { cpuMicros, spans } = await turn(child, settings.exports);
        await sink.received(before + spans);
        if (round > 0) micros[way].push(cpuMicros / spans);
      }
    }
    return {
      micros: { thread: estimate(micros.thread), batch: estimate(micros.batch) },
      bytesPerSpan: sink.bytes / sink.spans,
      body: sink.largestBody,
    };
  } finally {
    for (const child of children.values()) child.kill();
    sink.close();
  }
}

async function startService(kind: Kind, way: Way, sinkUrl: string, launch: Launch): Promise<ChildProcess> {
  const child = fork(launch.program, [kind, way], {
    execArgv: [],
    // Only what the child needs: this process may itself run under a loader, and it must not.
    env: { PATH: process.env.PATH, BENCH_DIST: launch.distUrl, OTEL_EXPORTER_OTLP_ENDPOINT: sinkUrl },
  });
  await messageOf(child);
  return child;
}

async function turn(child: ChildProcess, exports: number): Promise<ExportTurn> {
  const answered = messageOf(child);
  child.send(exports);
  return (await answered) as ExportTurn;
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const abandon = new AbortController();
  const died = once(child, 'exit', { signal: abandon.signal }).then(([code, signal]) => {
    throw new Error(`a service of the bench ended (${signal ?? code})`);
  });
  died.catch(() => {});
  const [message] = await Promise.race([once(child, 'message', { signal: abandon.signal }), died]);
  abandon.abort();
  return message;
}
