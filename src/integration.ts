/**
 * The contract between an integration, which knows a library, and the rest, which knows what a
 * cancellation means and how it is recorded.
 *
 * An integration patches its library, makes an Operation for each call it sees, and reports what it
 * sees of the end as Evidence. It decides nothing about telemetry.
 */
import type { Installation } from './hook/installation.ts';
import type { Undo } from './hook/replace.ts';
import type { Host } from './host.ts';
import type { Side } from './operation/operation.ts';

export interface Integration {
  /** Unique, such as `grpc`; used in diagnostics. */
  readonly name: string;
  /**
   * Makes no operations, so several instances may have it installed at once. Of any other integration only one has, by
   * its name: the first that is switched on. @default false
   */
  readonly isPassive?: boolean;
  /** The option without which there is nothing to do: nothing is patched then. @default it does something in any case */
  readonly needs?: 'propagate.cancel';
  /** Systems whose operations it makes, beside `grpc`, `http` and `http2`. */
  readonly systems?: readonly SystemDescription[];
  /** Patches what Node itself has (prototypes, channels). Called on enable(); the result is called on disable(). */
  readonly install?: (host: Host, installation: Installation) => Undo;
  /** Files of packages that are patched when they are loaded. */
  readonly files?: readonly PackageFile[];
}

/** What is particular to a system in what is emitted of its operations. */
export interface SystemDescription {
  /** As in `SpanDescription.system`, and in metrics: of few values. */
  readonly name: string;
  /** The attribute that says what is called, on spans and in metrics, such as `db.operation.name`. Metrics take 1 000 values of it. */
  readonly method: string;
  /** The attribute of the code of a RST_STREAM, where there is one. @default `http2.rst_code` */
  readonly resetCode?: string;
  /** What the time of its outgoing operations is spent on: `cancel.wasted.db_ms` and its like. */
  readonly spentOn: 'db' | 'http' | 'rpc' | 'messaging';
  /** Status of the span of an operation that somebody cancelled. @default unset, on both sides */
  readonly canceledStatus?: { readonly [side in Side]?: 'error' | 'unset' };
}

/** One file of a package, patched when it is loaded by require() or by a CommonJS import. */
export interface PackageFile {
  /** Package name, such as `@grpc/grpc-js`. */
  readonly packageName: string;
  /** Ranges of versions that are known to work, each with an upper bound. */
  readonly supportedVersions: readonly string[];
  /** Path in the package, such as `build/src/channel.js`. */
  readonly path: string;
  /** What cannot be seen any more when the file was loaded before enable(), such as `calls under way`; said through diag. */
  readonly missedWhenLate?: string;
  /** Called once for each copy of the file that is loaded, and again after disable() and enable(). */
  readonly patch: (
    moduleExports: unknown,
    host: Host,
    installation: Installation,
    version: string | undefined,
  ) => Undo;
}
