/** Whether what listens at the exporter's address takes spans, and whether its clock is ours. */
import { diagnose } from '../../register/export-advice.ts';
import { shownUrl } from '../../register/otlp-checks.ts';
import type { Variables } from '../../register/variables.ts';
import { type Check, note, ok, wrong } from './check.ts';
import { type Answer, ask, newTraceId } from './collector.ts';

export async function collectorChecks(
  url: string,
  variables: Variables,
  isSending: boolean,
): Promise<Check[]> {
  const traceId = isSending ? newTraceId() : undefined;
  const place = shownUrl(url);
  try {
    const answer = await ask(url, variables, traceId);
    return [addressCheck(place, answer, traceId), clockCheck(answer)];
  } catch (error) {
    const failure =
      (error as Error).name === 'AbortError' ? { code: 'ETIMEDOUT', message: 'no answer' } : error;
    const { cause, advice } = diagnose(failure);
    return [wrong('exporter', `nothing takes spans at ${place}`, cause, advice)];
  }
}

function addressCheck(place: string, { status, body }: Answer, traceId: string | undefined): Check {
  const told = status >= 200 && status < 300 ? partOf(body) : undefined;
  if (told === undefined) {
    const isPage = body.trimStart().startsWith('<');
    const message = isPage ? 'with a web page' : body.slice(0, 100);
    const fact = `${place} takes no spans`;
    if (status >= 200 && status < 400) {
      return wrong(
        'exporter',
        fact,
        `answered ${status} ${message}: that is no OTLP`,
        'name the address of a collector: OTEL_EXPORTER_OTLP_ENDPOINT',
      );
    }
    const { cause, advice } = diagnose({ code: status, message });
    return wrong('exporter', fact, cause, advice);
  }
  if (told.rejectedSpans > 0) return wrong('exporter', `${place} has refused the span`, told.errorMessage);
  if (traceId === undefined)
    return ok('exporter', `${place} takes OTLP`, 'by an empty export: --send sends a span');
  return ok('exporter', `${place} has taken a span`, `of trace ${traceId}, service cancel-trace-doctor`);
}

/** Undefined: not what OTLP says to answer. */
function partOf(body: string): { rejectedSpans: number; errorMessage: string } | undefined {
  if (body.trim() === '') return { rejectedSpans: 0, errorMessage: '' };
  try {
    const { partialSuccess, ...others } = JSON.parse(body);
    if (Object.keys(others).length > 0) return undefined;
    const { rejectedSpans = 0, errorMessage = '' } = partialSuccess ?? {};
    return { rejectedSpans: Number(rejectedSpans), errorMessage: String(errorMessage) };
  } catch {
    return undefined;
  }
}

/** Servers keep the text of the header, and may renew it late. */
const STALE_MS = 500;

/** The header has whole seconds, of some moment between question and answer. */
function clockCheck({ date, sentMs, receivedMs }: Answer): Check {
  const theirMs = Date.parse(date ?? '');
  if (Number.isNaN(theirMs))
    return note('clock', 'the collector tells no time', 'its clock cannot be compared');
  const [leastMs, mostMs] = [theirMs - receivedMs, theirMs + 1_000 - sentMs];
  const fact = `the collector's clock is between ${seconds(leastMs)} and ${seconds(mostMs)} s ahead of this one`;
  if (leastMs <= STALE_MS && mostMs >= -STALE_MS)
    return ok('clock', fact, 'as far as its header Date tells, they agree');
  const meaning = 'spans of other machines are shown too early or too late beside those from here';
  return wrong('clock', fact, meaning, 'synchronise both, by NTP');
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
