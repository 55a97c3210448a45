/** What the recorder is made of: each part knows one thing, and some of them know each other. */
import type { Tracer } from '@opentelemetry/api';
import type { ResolvedConfig } from '../config.ts';
import type { Guard } from '../operation/guard.ts';
import { AsyncResources } from './async-resources.ts';
import { Deadlines } from './deadlines.ts';
import { type AddFinding, findingsCountedBy } from './findings.ts';
import { type Job, Jobs } from './jobs.ts';
import { Metrics } from './metrics.ts';
import { OpenOperations } from './open-operations.ts';
import { OwnedOperations } from './owned-operations.ts';
import { OwnedSpans } from './owned-spans.ts';
import { type Redaction, redactionBy } from './redaction.ts';
import { Shutdown } from './shutdown.ts';
import { SpanStarts, type WatchStarts } from './span-starts.ts';
import { Vendors } from './vendors.ts';
import { Visibility } from './visibility.ts';
import { WorkAfterCancel } from './work-after-cancel.ts';
import { WorkAnnouncements } from './work-announcements.ts';

/** Calls back for every write to `target` from now on, and for its end. */
export type WatchLateWrites = (target: object, onWrite: (isEnd: boolean) => void) => void;

/** What it is given. */
export interface Surroundings {
  readonly config: ResolvedConfig;
  readonly tracer: () => Tracer;
  readonly watchLateWrites: WatchLateWrites;
  readonly watchStarts: WatchStarts;
  readonly guard: Guard;
}

export interface Parts extends Surroundings {
  /** What is written in the place of attributes, by the option. */
  readonly redact: Redaction;
  readonly metrics: Metrics;
  readonly addFinding: AddFinding;
  readonly vendors: Vendors;
  readonly visibility: Visibility;
  readonly open: OpenOperations;
  readonly owned: OwnedOperations;
  readonly ownedSpans: OwnedSpans;
  readonly spanStarts: SpanStarts;
  readonly jobs: Jobs;
  readonly deadlines: Deadlines;
  /** Only when asked for. */
  readonly asyncResources: AsyncResources | undefined;
  readonly workAfterCancel: WorkAfterCancel;
  readonly shutdown: Shutdown;
}

/** @param jobEnds is called when the span of a job is about to end */
export function createParts(surroundings: Surroundings, jobEnds: (job: Job) => void): Parts {
  const { config, tracer, watchStarts, guard } = surroundings;
  const redact = redactionBy(config.redact);
  const metrics = new Metrics();
  const open = new OpenOperations();
  const addFinding = findingsCountedBy(metrics, redact);
  const announcements = config.announceWork
    ? new WorkAnnouncements(tracer, config.maxWorkAfterCancelMs, redact, guard)
    : undefined;
  const asyncResources = config.trackAsync ? new AsyncResources(redact) : undefined;
  const workAfterCancel = new WorkAfterCancel(tracer, config, metrics, guard, announcements, asyncResources);
  const ownedSpans = new OwnedSpans(metrics, workAfterCancel, config, guard);
  const shutdown = new Shutdown(tracer, metrics, open, redact, guard);
  const spanStarts: SpanStarts = new SpanStarts(
    watchStarts,
    (span, parent, above) => {
      const owner = jobs.ownerOf(span, parent);
      if (owner !== undefined) ownedSpans.started(span, owner, above);
    },
    guard,
  );
  const jobs = new Jobs({ open, shutdown, spanStarts, guard }, jobEnds);
  return {
    ...surroundings,
    redact,
    metrics,
    addFinding,
    vendors: new Vendors(guard),
    visibility: new Visibility(() => metrics.isOn),
    open,
    owned: new OwnedOperations(open, addFinding, workAfterCancel, config, guard),
    ownedSpans,
    spanStarts,
    jobs,
    deadlines: new Deadlines(config, addFinding, guard),
    asyncResources,
    workAfterCancel,
    shutdown,
  };
}
