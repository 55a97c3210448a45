/** In the thread that exports: sends bodies, as OpenTelemetry's exporter of spans does, with its variables. */
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from './exporter-packages.ts';

type Delegate = ReturnType<typeof createOtlpHttpExportDelegate<Uint8Array, unknown>>;

/** At the end of a process all that it was working on may be on its way at the same time: more than the 30 exports that are usual. */
const MAX_EXPORTS = 100;
/** What the exporter would measure of itself, if somebody asked it to. */
const UNMEASURED = { name: 'span', countItems: () => 0 } as const;

export class SpansExport {
  readonly #delegate: Delegate;

  /**
   * @param url of the receiver of OTLP
   * @param timeout of one export, its retries included; that of the variables unless given
   */
  constructor(url: string, timeout: { readonly timeoutMillis?: number } = {}) {
    const options = convertLegacyHttpOptions(
      { url, concurrencyLimit: MAX_EXPORTS, ...timeout },
      'TRACES',
      'v1/traces',
      {
        'Content-Type': 'application/json',
      },
    );
    const asItIs = { serializeRequest: (body: Uint8Array) => body, deserializeResponse: () => ({}) };
    this.#delegate = createOtlpHttpExportDelegate(
      options,
      asItIs,
      'otlp_http_span_exporter',
      UNMEASURED,
      undefined,
    );
  }

  /** @returns what went wrong, if anything did */
  async export(body: Uint8Array): Promise<Error | undefined> {
    const { code, error } = await new Promise<{ code: number; error?: Error }>((resolve) => {
      this.#delegate.export(body, resolve);
    });
    return code === 0 ? undefined : (error ?? new Error('for an unknown reason'));
  }
}
