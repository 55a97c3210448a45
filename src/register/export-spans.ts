/** In the thread that exports: sends bodies, as OpenTelemetry's exporter of spans does, with its variables. */
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from './exporter-packages.ts';

/** The answer to an export: a body that the receiver has taken may say that it has not taken all of it. */
interface Answer {
  partialSuccess?: { rejectedSpans?: number | string; errorMessage?: string };
}

type Delegate = ReturnType<typeof createOtlpHttpExportDelegate<Uint8Array, Answer>>;

export interface Exported {
  /** What went wrong, if anything did. */
  readonly error?: Error;
  /** How many spans were not taken, where that is not all of them. */
  readonly rejected?: number;
}

/** At the end of a process all that it was working on may be on its way at the same time: more than the 30 exports that are usual. */
const MAX_EXPORTS = 100;
/** What the exporter would measure of itself, if somebody asked it to. */
const UNMEASURED = { name: 'span', countItems: () => 0 } as const;

export class SpansExport {
  readonly #delegate: Delegate;
  /** Of the answer that was read last, in the same turn in which its export is over. */
  #rejection: Exported = {};

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
    const asItIs = {
      serializeRequest: (body: Uint8Array) => body,
      deserializeResponse: (answer: Uint8Array) => {
        this.#rejection = rejectionIn(answer);
        return {};
      },
    };
    this.#delegate = createOtlpHttpExportDelegate(
      options,
      asItIs,
      'otlp_http_span_exporter',
      UNMEASURED,
      undefined,
    );
  }

  async export(body: Uint8Array): Promise<Exported> {
    return await new Promise((resolve) => {
      this.#delegate.export(body, ({ code, error }) => {
        const rejection = this.#rejection;
        this.#rejection = {};
        if (code === 0) resolve(rejection);
        else resolve({ error: error ?? new Error('for an unknown reason') });
      });
    });
  }
}

/** Of JSON: whoever answers in another way than it was asked is believed to have taken all. */
function rejectionIn(answer: Uint8Array): Exported {
  try {
    const { partialSuccess } = JSON.parse(Buffer.from(answer).toString()) as Answer;
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    if (!(rejected > 0)) return {};
    const why = partialSuccess?.errorMessage || 'without a reason';
    return { rejected, error: new Error(`the receiver took them but for ${rejected}: ${why}`) };
  } catch {
    return {};
  }
}
