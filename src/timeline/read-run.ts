/** A run as it is on disk: the folder of a recording, or spans alone, with a capture or without. */
import { stat } from 'node:fs/promises';
import type { WireExchange } from '../capture/exchange.ts';
import { exchangesOf } from '../capture/exchanges.ts';
import { PacketsSeen } from '../capture/packets-seen.ts';
import { SpansOfExchanges } from '../capture/told-by-spans.ts';
import { packetsOf } from '../capture/tshark.ts';
import { readRecording } from '../recording/read.ts';
import type { JaegerQuestion } from '../spans/jaeger.ts';
import { type Reading, readSpans } from '../spans/source.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { UserError } from '../spans/user-error.ts';
import { isWorkAnnouncement } from '../spans/work-announcement.ts';
import type { Run } from './evidence.ts';
import { ProcessRecord } from './process-record.ts';

export interface RunOnDisk {
  /** The folder of a recording; a file of spans, or the address of a Jaeger. */
  readonly source: string;
  /** In the place of that of the recording. */
  readonly capture: string | undefined;
  readonly keylog: string | undefined;
  /** Requests on the wire that are of no trace among the spans as well. */
  readonly areAll: boolean;
  readonly question: JaegerQuestion;
}

export interface RunReading extends Reading {
  /** One more on the wire was read. */
  readonly onRequest?: () => void;
}

/** @throws {UserError} */
export async function readRun(onDisk: RunOnDisk, reading: RunReading): Promise<Run> {
  const { source, question } = onDisk;
  if (!(await isFolder(source))) {
    const spans = await spansOf(source, question, reading);
    return { spans, exchanges: await exchangesIn(onDisk.capture, spans, onDisk, reading), processes: [] };
  }
  const recording = await readRecording(source);
  for (const missing of recording.missing) reading.onLeftOut?.(missing);
  const { spansFile, captureFile, processes } = recording;
  const spans = spansFile === undefined ? [] : await spansOf(spansFile, question, reading);
  return {
    spans,
    exchanges: await exchangesOfRecording(captureFile, spans, onDisk, reading),
    processes: processes.map((process) => new ProcessRecord(process)),
  };
}

/** What it has of the wire is not all that it has: without a tshark the rest is shown. */
async function exchangesOfRecording(
  file: string | undefined,
  spans: readonly ExportedSpan[],
  onDisk: RunOnDisk,
  reading: RunReading,
): Promise<WireExchange[]> {
  if (onDisk.capture !== undefined) return await exchangesIn(onDisk.capture, spans, onDisk, reading);
  try {
    return await exchangesIn(file, spans, onDisk, reading);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    reading.onLeftOut?.(`the capture: ${error.message}`);
    return [];
  }
}

async function isFolder(source: string): Promise<boolean> {
  return (await stat(source).catch(() => undefined))?.isDirectory() === true;
}

async function spansOf(source: string, question: JaegerQuestion, reading: Reading): Promise<ExportedSpan[]> {
  const byId = new Map<string, ExportedSpan>();
  for await (const batch of readSpans(source, question, reading)) {
    // What only says that work goes on is no span of its own.
    for (const span of batch) if (!isWorkAnnouncement(span)) byId.set(`${span.traceId} ${span.spanId}`, span);
  }
  return [...byId.values()];
}

/**
 * Whatever else uses the same interface is in a capture as well.
 *
 * @throws {UserError}
 */
export async function exchangesIn(
  file: string | undefined,
  spans: readonly ExportedSpan[],
  { keylog, areAll }: Pick<RunOnDisk, 'keylog' | 'areAll'>,
  { onLeftOut, onRequest }: RunReading,
): Promise<WireExchange[]> {
  if (file === undefined) return [];
  const joined = new SpansOfExchanges();
  joined.add(spans);
  const traceIds = new Set(spans.map(({ traceId }) => traceId));
  const onCutShort = () => onLeftOut?.(`the last packet of ${file}, which was cut off`);
  const onRemark = (sentence: string) => onLeftOut?.(`the capture: ${sentence}`);
  const exchanges: WireExchange[] = [];
  let others = 0;
  const seen = new PacketsSeen();
  const packets = seen.noting(packetsOf({ file, keylog, onCutShort, onRemark }));
  for await (const exchange of exchangesOf(packets)) {
    onRequest?.();
    const isOfTrace = traceIds.has(exchange.traceId ?? '') || joined.of(exchange) !== undefined;
    if (areAll || isOfTrace) exchanges.push(exchange);
    else others++;
  }
  if (seen.inPart > 0) onLeftOut?.(`the rest of ${seen.inPart} packets that were captured in part only`);
  if (others > 0) onLeftOut?.(`${others} requests on the wire that are of none of these traces`);
  return exchanges;
}
