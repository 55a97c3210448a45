/** The body of undici.request(): its destroy() takes an error that undici does not pass on. */
import type { Installation } from '../../hook/installation.ts';
import { during } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { watchOf } from './watch.ts';

export function watchBody(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { readonly Readable: { readonly prototype: object } }).Readable;
  const watch = watchOf(host, installation);
  // undici 6 ends the request in destroy(), before there is a _destroy().
  const method = Object.hasOwn(prototype, 'destroy') ? 'destroy' : '_destroy';
  return during(prototype, method, installation, (_body, [given]: unknown[]) => {
    if (!given) return undefined;
    const outer = watch.bodyDestroyReason;
    watch.bodyDestroyReason = given;
    return () => {
      watch.bodyDestroyReason = outer;
    };
  });
}
