/** What the server answers, by the path that is asked. */
import type { ToldFinding } from '../../spans/cancel.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import type { TraceTimeline } from '../../timeline/trace-timeline.ts';
import type { Counts, DeskInfo } from '../api.ts';
import type { BeyondMaps } from '../beyond.ts';
import type { Deadlines } from '../deadlines.ts';
import type { Line } from '../lines.ts';
import type { Overview } from '../overview.ts';
import type { TraceSummary } from '../summary.ts';
import type { Work } from '../work-now.ts';

export type State = DeskInfo & Counts;

export interface FoundTraces {
  readonly total: number;
  readonly offset: number;
  readonly traces: readonly TraceSummary[];
}

export interface PlacedFinding extends ToldFinding {
  readonly traceId: string;
  readonly spanId: string;
  readonly service: string;
  readonly operation: string;
  readonly endMs: number;
}

export interface WholeTrace {
  readonly summary: TraceSummary;
  readonly spans: readonly ExportedSpan[];
  readonly findings: readonly PlacedFinding[];
}

export interface RuleFindings {
  readonly rule: string;
  readonly count: number;
  readonly findings: readonly PlacedFinding[];
}

export interface Words {
  readonly services: readonly string[];
  readonly findings: readonly string[];
}

export type { BeyondMaps, Counts, Deadlines, Line, Overview, TraceTimeline, Work };
