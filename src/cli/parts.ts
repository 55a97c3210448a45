/** What the demo has in common with the command: an entry of its own in `dist/cli`. */
export { startReceiving } from '../desk/receiving.ts';
export { SpanStore } from '../desk/store.ts';
export { isCancelled } from '../spans/cancel.ts';
export { spansOfOtlp } from '../spans/otlp.ts';
export { type CancelPath, cancelPathsOf } from '../spans/path/cancel-path.ts';
export type { ExportedSpan } from '../spans/span.ts';
export { titleOf } from '../spans/title.ts';
export { PACKAGE_VERSION } from '../version.ts';
export { drawPaths } from './cancel-path-text.ts';
export { formatMs, plain, relativeTo } from './text.ts';
export { drawTraces } from './trace-tree.ts';
