/** What differs between systems in what is emitted: one row for each. */
import { ATTR_HTTP_REQUEST_METHOD, ATTR_RPC_METHOD } from '@opentelemetry/semantic-conventions';
import type { StatusConfig } from '../config.ts';
import type { SystemDescription } from '../integration.ts';
import type { Side, System } from '../operation/operation.ts';
import type { SpentOn } from './attributes.ts';
import { ATTR_HTTP2_RST_CODE, ATTR_RPC_GRPC_RST_CODE } from './attributes.ts';

interface SystemRow {
  /** The attribute that says what is called, on spans and in metrics. */
  readonly method: string;
  /** Whether that can be anything, of which metrics take only so many; otherwise it is a method of HTTP. */
  readonly hasNamedMethods: boolean;
  readonly resetCode: string;
  /** What the time of an outgoing one is spent on. */
  readonly spentOn: SpentOn;
  /** The option that says what status a cancelled operation has, or that status itself. */
  readonly status: Readonly<Record<Side, keyof StatusConfig | 'error' | 'unset'>>;
}

const HTTP: SystemRow = {
  method: ATTR_HTTP_REQUEST_METHOD,
  hasNamedMethods: false,
  resetCode: ATTR_HTTP2_RST_CODE,
  spentOn: 'http',
  status: { client: 'httpClient', server: 'httpServer' },
};

/** Jobs and messages, whatever queue they come from. */
export const MESSAGING = 'messaging';

const OWN: Readonly<Record<string, SystemRow>> = {
  grpc: {
    method: ATTR_RPC_METHOD,
    hasNamedMethods: true,
    resetCode: ATTR_RPC_GRPC_RST_CODE,
    spentOn: 'rpc',
    status: { client: 'grpcClient', server: 'grpcServer' },
  },
  http: HTTP,
  http2: HTTP,
  [MESSAGING]: {
    method: 'messaging.destination.name',
    hasNamedMethods: true,
    resetCode: ATTR_HTTP2_RST_CODE,
    spentOn: 'messaging',
    // Not ours to set.
    status: { client: 'unset', server: 'unset' },
  },
};

const rows: Record<string, SystemRow> = { ...OWN };

/** @throws {TypeError} for the name of one of ours */
export function addSystem({ name, method, resetCode, spentOn, canceledStatus }: SystemDescription): void {
  if (Object.hasOwn(OWN, name)) throw new TypeError(`The system "${name}" is described by this package.`);
  const { client = 'unset', server = 'unset' } = canceledStatus ?? {};
  const status = { client, server };
  rows[name] = {
    method,
    hasNamedMethods: true,
    resetCode: resetCode ?? ATTR_HTTP2_RST_CODE,
    spentOn,
    status,
  };
}

/** @throws {TypeError} when no integration describes it */
export function rowOf(system: System): SystemRow {
  const row = rows[system];
  if (row === undefined) throw new TypeError(`No integration describes the system "${system}".`);
  return row;
}
