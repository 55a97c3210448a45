/** A reporter of node:test for a program: a line of JSON for each test that has ended, and for what is said beside. */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export type TestRecord = {
  /** Of the suites around it, then its own. */
  names: string[];
  isSuite: boolean;
  durationMs: number;
  /** The reason, for one that was left out. */
  leftOut?: string;
  failure?: string;
};

/** By a test, or by node:test: an error after the end of a test, say. */
export type RemarkRecord = { remark: string };

/** Its summary, which is counted anew. */
const isCount = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter from the default export
export default async function* events(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const around: string[] = [];
  for await (const { type, data } of source) {
    // Reported in the order of the source: a suite is told to start before its tests are.
    if (type === 'test:start') around[data.nesting] = data.name;
    if (type === 'test:diagnostic' && !isCount.test(data.message))
      yield `${JSON.stringify({ remark: data.message } satisfies RemarkRecord)}\n`;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { details, skip, todo } = data;
    const record: TestRecord = {
      names: [...around.slice(0, data.nesting), data.name],
      isSuite: details.type === 'suite',
      durationMs: details.duration_ms,
    };
    const reason = skip || todo;
    if (reason !== undefined && reason !== false)
      record.leftOut = typeof reason === 'string' && reason !== '' ? reason : 'no reason given';
    else if (type === 'test:fail') {
      // A suite that fails by its tests has nothing to add to them.
      const { failureType, cause } = data.details.error as { failureType?: string; cause?: unknown };
      if (failureType === 'subtestsFailed') continue;
      record.failure = inspect(cause instanceof Error ? cause : data.details.error, { depth: 10 });
    }
    yield `${JSON.stringify(record)}\n`;
  }
}
