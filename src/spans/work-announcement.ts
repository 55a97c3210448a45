/** Spans that say that work goes on at this moment, and are none themselves (option `announceWork`). Pure. */
import { SPAN_WORK_GOES_ON } from '../telemetry/attributes.ts';
import { PACKAGE_NAME } from '../version.ts';
import type { ExportedSpan } from './span.ts';

export function isWorkAnnouncement({ name, scopeName }: ExportedSpan): boolean {
  return name === SPAN_WORK_GOES_ON && scopeName === PACKAGE_NAME;
}

/**
 * A request without what only tells of a moment.
 *
 * @param spans that it has
 * @returns undefined when nothing is left
 */
export function lastingOf(request: unknown, spans: readonly ExportedSpan[]): unknown {
  if (!spans.some(isWorkAnnouncement)) return request;
  if (spans.every(isWorkAnnouncement)) return undefined;
  const { resourceSpans = [] } = request as OtlpRequest;
  return {
    resourceSpans: resourceSpans.map((resource) => ({
      ...resource,
      scopeSpans: resource.scopeSpans?.map((scoped) =>
        scoped.scope?.name === PACKAGE_NAME
          ? { ...scoped, spans: scoped.spans?.filter(({ name }) => name !== SPAN_WORK_GOES_ON) }
          : scoped,
      ),
    })),
  };
}

/** As far as it is looked at. */
interface OtlpRequest {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string };
      readonly spans?: readonly { readonly name?: string }[];
    }[];
  }[];
}
