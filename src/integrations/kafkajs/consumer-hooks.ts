/**
 * Where the handlers of a consumer are seen: in run(), in which the official instrumentation puts its own around them. Ours
 * has to be within that. So it is put in when the consumer subscribes, by when the other has replaced run().
 */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { after, before, during } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';

const HANDLERS = ['eachMessage', 'eachBatch'] as const;

type RunConfig = Partial<Record<(typeof HANDLERS)[number], unknown>>;

export function watchConsumers(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = moduleExports as { prototype: object };
  return after(prototype, 'consumer', installation, (_kafka, _args, consumer) => {
    let isWatched = false;
    before(consumer as object, 'subscribe', installation, () => {
      if (isWatched) return;
      isWatched = true;
      watchRun(consumer as object, host, installation);
    });
  });
}

function watchRun(consumer: object, host: Host, installation: Installation): void {
  before(consumer, 'run', installation, (_consumer, args: [RunConfig?]) => {
    const [config] = args;
    if (typeof config !== 'object' || config === null) return;
    // The application's own object stays as it is.
    const watched: RunConfig = Object.create(config);
    for (const name of HANDLERS)
      if (typeof config[name] === 'function') watchHandler(watched, name, host, installation);
    args[0] = watched;
  });
}

function watchHandler(
  config: RunConfig,
  name: keyof RunConfig,
  host: Host,
  installation: Installation,
): void {
  during(config, name, installation, () => {
    // Of a batch the span is that of the call that got it, and each message has one that nothing happens in.
    const job = host.job(name === 'eachBatch' ? SpanKind.CLIENT : SpanKind.CONSUMER);
    if (job === undefined) return undefined;
    return (result) => {
      if (!(result instanceof Promise)) return;
      host.handledBy(job, result);
      // kafkajs waits for it, so no rejection is handled that was not before.
      const failed = installation.guard((error: unknown) => host.jobFailed(job, error));
      result.then(undefined, failed);
    };
  });
}
