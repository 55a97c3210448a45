/** Our tracer provider, whose tracers, those that are in use included, become those of the SDK that takes its place. */
import {
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
  type TracerOptions,
  trace,
} from '@opentelemetry/api';
import { BasicTracerProvider } from './sdk-packages.ts';

export class YieldingTracerProvider extends BasicTracerProvider {
  /** The same for the same name, as the SDK has it. */
  readonly #tracers = new Map<Tracer, Tracer>();
  readonly tracerNames: Set<string> = new Set();
  #isReplaced = false;

  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /** From now on every span is the global provider's; those that are in flight stay ours until they end. */
  giveWay(): void {
    this.#isReplaced = true;
  }

  override getTracer(name: string, version?: string, options?: TracerOptions): Tracer {
    const ours = super.getTracer(name, version, options);
    const known = this.#tracers.get(ours);
    if (known !== undefined) return known;
    const tracer = new YieldingTracer(ours, () =>
      this.#isReplaced ? trace.getTracerProvider().getTracer(name, version, options) : undefined,
    );
    this.#tracers.set(ours, tracer);
    this.tracerNames.add(name);
    return tracer;
  }
}

class YieldingTracer implements Tracer {
  #tracer: Tracer;
  #isOurs = true;
  readonly #successor: () => Tracer | undefined;

  constructor(ours: Tracer, successor: () => Tracer | undefined) {
    this.#tracer = ours;
    this.#successor = successor;
  }

  startSpan(name: string, options?: SpanOptions, context?: Context): Span {
    return this.#current().startSpan(name, options, context);
  }

  startActiveSpan(...args: unknown[]): never {
    const tracer = this.#current();
    return Reflect.apply(tracer.startActiveSpan, tracer, args) as never;
  }

  #current(): Tracer {
    const successor = this.#isOurs ? this.#successor() : undefined;
    if (successor !== undefined) {
      this.#isOurs = false;
      this.#tracer = successor;
    }
    return this.#tracer;
  }
}
