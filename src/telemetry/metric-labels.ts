/** What an operation is called in metrics: of few values, whatever comes over the wire. */
import type { Attributes } from '@opentelemetry/api';
import { ATTR_HTTP_ROUTE } from '@opentelemetry/semantic-conventions';
import { KNOWN_HTTP_METHODS } from '../operation/http-method.ts';
import type { System } from '../operation/operation.ts';
import { BoundedNames } from './bounded-names.ts';
import type { OperationRecord } from './operation-record.ts';
import { rowOf } from './systems.ts';

export interface MetricLabels {
  /** `pkg.Service/Method`, or the HTTP method; `_OTHER` for one that is not known. */
  methodOf(operation: OperationRecord): string | undefined;
  routeOf(operation: OperationRecord): string | undefined;
}

export function createMetricLabels(): MetricLabels {
  const rpcMethods = new BoundedNames();
  const routes = new BoundedNames();
  return {
    methodOf({ system, method }) {
      if (method === undefined) return undefined;
      if (rowOf(system).hasNamedMethods) return rpcMethods.bound(method);
      return KNOWN_HTTP_METHODS.has(method) ? method : '_OTHER';
    },
    routeOf: ({ route }) => (route === undefined ? undefined : routes.bound(route)),
  };
}

export function writeLabels(
  attributes: Attributes,
  system: System,
  method: string | undefined,
  route: string | undefined,
): Attributes {
  if (method !== undefined) attributes[rowOf(system).method] = method;
  if (route !== undefined) attributes[ATTR_HTTP_ROUTE] = route;
  return attributes;
}
