/** What the cases in this folder share: a service and a client of it, how a call is staged, and what its spans say. */
import { once } from 'node:events';
import type * as Grpc from '@grpc/grpc-js';
import type { Attributes } from '@opentelemetry/api';
import type { Expectation } from '../../support/contract.ts';
import type { Telemetry } from '../../support/telemetry.ts';
import {
  type ClientCall,
  cancelled,
  drain,
  GrpcService,
  type Handler,
  type Kind,
  loadGrpc,
  type ServerCall,
  type StartedCall,
  startCall,
} from './service.ts';

/** A stream was ended, its connection was not. */
export const OUTLIVED: Attributes = { 'network.connection.reused_after': true };
/** There was no connection yet. */
export const UNCONNECTED: Attributes = {
  'rpc.grpc.rst_code': undefined,
  'network.connection.reused_after': undefined,
};

export const UNMARKED: Expectation = { outcome: undefined };

/** The server of a call that its client has reset. */
export const RESET: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  phase: 'handle',
  origin: null,
  status: 'unset',
  attributes: { 'rpc.grpc.rst_code': 8, 'network.connection.reused_after': undefined },
};

/** The server of a call whose connection is gone. */
export const LEFT: Expectation = { ...RESET, trigger: 'disconnect', attributes: {} };

const OWN_TIMER: Expectation = {
  outcome: 'deadline_exceeded',
  initiator: 'local',
  trigger: 'deadline',
  phase: 'handle',
  origin: null,
  status: 'error',
  attributes: { 'deadline.source': 'grpc-timeout' },
};

/** The server hears of a deadline from its own timer, or from the client's reset: whichever comes first. */
export const SERVER_DEADLINE: readonly [ownTimer: Expectation, reset: Expectation] = [
  OWN_TIMER,
  { ...OWN_TIMER, initiator: 'peer', trigger: 'reset' },
];

export interface Start {
  readonly options: Grpc.CallOptions;
  readonly metadata: Grpc.Metadata;
  /** @default the lab's own client */
  readonly by: Grpc.Client;
}

export class Lab {
  readonly grpc: typeof Grpc;
  readonly service: GrpcService;
  readonly client: Grpc.Client;
  readonly isAlone: boolean;
  readonly #telemetry: Telemetry;
  readonly #closes: (() => unknown)[] = [];

  static async open(telemetry: Telemetry): Promise<Lab> {
    const service = await new GrpcService(loadGrpc()).listen();
    return new Lab(service, await service.client(), telemetry);
  }

  private constructor(service: GrpcService, client: Grpc.Client, telemetry: Telemetry) {
    this.grpc = service.grpc;
    this.service = service;
    this.client = client;
    this.isAlone = telemetry.setup === 'alone';
    this.#telemetry = telemetry;
    this.onClose(() => service.close());
  }

  /** For a call that never becomes one: its span is not ended, and so nobody sees it. */
  forgetOpen(): void {
    this.#telemetry.open.clear();
  }

  onClose(close: () => unknown): void {
    this.#closes.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closes.reverse()) await close();
  }

  /** The status attribute of a span of ours; the official instrumentation has its own. */
  own(code: string): Attributes {
    return this.isAlone ? { 'rpc.status_code': code } : {};
  }

  /** Starts a call and reads it to its end. */
  start(kind: Kind, { options, metadata, by = this.client }: Partial<Start> = {}): StartedCall {
    const started = startCall(by, kind, options, metadata);
    drain(started.call);
    return started;
  }

  /** A call that does nothing but run to its end. */
  async call(kind: Kind, how?: Partial<Start>): Promise<void> {
    await this.start(kind, how).ended;
  }

  /** A call that is sent to its end, and has this handler. */
  async answered(kind: Kind, handler: Handler, options: Grpc.CallOptions = {}): Promise<ClientCall> {
    this.service.handler = handler;
    const { call, ended } = this.start(kind, { options });
    if (kind === 'clientStream' || kind === 'bidi') call.end();
    await ended;
    return call;
  }

  /**
   * Starts a call and does something once its handler has been called; returns when both sides have heard of the end.
   * @param handler does nothing by default
   */
  async whileHandled(
    kind: Kind,
    act: (call: ClientCall, serverCall: ServerCall) => unknown,
    {
      service = this.service,
      handler,
      ...how
    }: Partial<Start> & { service?: GrpcService; handler?: Handler } = {},
  ): Promise<void> {
    const entered = service.hold(handler);
    const { call, ended } = this.start(kind, how);
    const serverCall = await entered;
    const told = serverCall.cancelled ? undefined : cancelled(serverCall);
    await act(call, serverCall);
    await Promise.all([ended, told]);
  }

  /** Starts a call whose handler only waits; `told` resolves when the server has heard of the cancel. */
  async arrive<T>(start: () => T): Promise<{ started: T; serverCall: ServerCall; told: Promise<void> }> {
    const entered = this.service.hold();
    const started = start();
    const serverCall = await entered;
    return { started, serverCall, told: cancelled(serverCall) };
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
      attributes: { 'rpc.grpc.rst_code': 8, ...OUTLIVED, ...this.own('CANCELLED') },
      ...more,
    };
  }

  /** The client whose deadline has passed. */
  expired(more: Partial<Expectation> = {}): Expectation {
    return {
      outcome: 'deadline_exceeded',
      initiator: 'local',
      trigger: 'deadline',
      origin: 'startCall',
      status: 'error',
      attributes: this.own('DEADLINE_EXCEEDED'),
      ...more,
    };
  }
}

export function cancelCall(call: ClientCall): void {
  call.cancel();
}

/** For handlers that send a message and then go on. */
export function sendFirst(call: ServerCall): void {
  call.write({ text: 'first' });
}

/** Resolves with the first message of a call that is read. */
export async function firstMessage(call: ClientCall): Promise<void> {
  await once(call, 'data');
}
