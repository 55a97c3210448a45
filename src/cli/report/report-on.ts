/** Spans are read from where they are, grouped by their traces, and summed up. */
import { readSpans } from '../../spans/source.ts';
import { TraceGroups } from '../../spans/trace-groups.ts';
import { UserError } from '../../spans/user-error.ts';
import { isWorkAnnouncement } from '../../spans/work-announcement.ts';
import type { Output } from '../arguments.ts';
import { Progress } from '../progress.ts';
import type { Time } from '../time-options.ts';
import { type Asked, type Report, Summary } from './summary.ts';

/** @throws {UserError} when the source cannot be read or has no spans */
export async function reportOn(
  source: string,
  asked: Asked,
  question: Time & { readonly service: string | undefined },
  { stderr }: Output,
): Promise<Report> {
  const progress = new Progress(stderr);
  const groups = new TraceGroups();
  const leftOut: string[] = [];
  try {
    const reading = {
      onRead: (bytes: number) => progress.read(bytes),
      onLeftOut: (what: string) => leftOut.push(what),
    };
    let count = 0;
    for await (const read of readSpans(source, question, reading)) {
      // What was at work when it was written: its span tells how it ended.
      const spans = read.filter((span) => !isWorkAnnouncement(span));
      count += spans.length;
      await groups.add(spans);
    }
    // A gate that passes on nothing would hide that nothing is recorded.
    if (count === 0) throw new UserError(`${asked.source}: no spans, so there is nothing to judge`);
    const summary = new Summary(asked);
    for await (const trace of groups.traces()) {
      summary.add(trace);
      progress.looked(trace.length, count);
    }
    if (groups.leftOutSpanCount > 0)
      leftOut.push(
        `${groups.leftOutSpanCount} spans of traces that are too large to be looked at as a whole`,
      );
    const made = summary.report(leftOut);
    if (made.spanCount === 0) throw new UserError(`${asked.source}: no trace ${asked.traceId}`);
    return made;
  } finally {
    progress.end();
    await groups.close();
  }
}
