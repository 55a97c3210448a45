/** What the cases in this folder share: a service, what its spans say, and how a call is brought to its handler. */
import type * as Grpc from '@grpc/grpc-js';
import type { Attributes } from '@opentelemetry/api';
import { cancelled, GrpcService, loadGrpc, type ServerCall } from '../integrations/grpc/service.ts';
import type { Expectation } from '../support/contract.ts';
import type { Telemetry } from '../support/telemetry.ts';

export const UNMARKED: Expectation = { outcome: undefined };

/** The server of a call whose client has reset it. */
export const RESET: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  origin: null,
  status: 'unset',
  attributes: { 'rpc.grpc.rst_code': 8 },
};

/** The server of a call whose connection is gone. */
export const DISCONNECTED: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'disconnect',
  origin: null,
  status: 'unset',
};

export class Lab {
  readonly grpc: typeof Grpc = loadGrpc();
  readonly service: GrpcService;
  readonly isAlone: boolean;
  readonly #telemetry: Telemetry;
  readonly #undos: (() => unknown)[] = [];

  constructor(telemetry: Telemetry) {
    this.service = new GrpcService(this.grpc);
    this.isAlone = telemetry.setup === 'alone';
    this.#telemetry = telemetry;
  }

  /** For a call that never becomes one: its span is not ended, and so nobody sees it. */
  forgetOpen(): void {
    this.#telemetry.open.clear();
  }

  onClose(undo: () => unknown): void {
    this.#undos.push(undo);
  }

  async close(): Promise<void> {
    for (const undo of this.#undos.reverse()) await undo();
    this.service.close();
  }

  /** The status attribute of a span of ours; the official instrumentation has its own. */
  own(code: string): Attributes {
    return this.isAlone ? { 'rpc.status_code': code } : {};
  }

  /** The client that called cancel() in this function. */
  cancelledIn(origin: string, more: Partial<Expectation> = {}): Expectation {
    return {
      outcome: 'context.canceled',
      initiator: 'local',
      trigger: 'cancel',
      phase: 'wait',
      origin,
      status: 'error',
      attributes: { 'rpc.grpc.rst_code': 8, ...this.own('CANCELLED') },
      ...more,
    };
  }

  /** The client whose deadline has passed. */
  expired(more: Partial<Expectation> = {}): Expectation {
    return {
      outcome: 'deadline_exceeded',
      initiator: 'local',
      trigger: 'deadline',
      status: 'error',
      attributes: this.own('DEADLINE_EXCEEDED'),
      ...more,
    };
  }

  /** Starts a call whose handler only waits; `told` resolves when the server has heard of the cancel. */
  async arrive<T>(start: () => T): Promise<{ started: T; serverCall: ServerCall; told: Promise<void> }> {
    const entered = this.service.hold();
    const started = start();
    const serverCall = await entered;
    return { started, serverCall, told: cancelled(serverCall) };
  }
}
