import type { RuleTester } from 'eslint';
import type { RuleCases } from './cases.ts';

const made = `import * as grpc from '@grpc/grpc-js';
const { shop } = grpc.loadPackageDefinition(definition);
const client = new shop.Orders(address, grpc.credentials.createInsecure());
`;
const generated = `const { credentials } = require('@grpc/grpc-js');
const { OrdersClient } = require('./orders_grpc_pb.js');
class Desk {
  constructor() { this.client = new OrdersClient('orders:50051', credentials.createSsl()); }
  place(order, done) { CALL }
}`;

function without(code: string, output?: string): RuleTester.InvalidTestCase {
  return {
    code,
    errors: [
      { messageId: 'noDeadline', suggestions: output === undefined ? [] : [{ messageId: 'add', output }] },
    ],
  };
}

export const grpcDeadline: RuleCases = {
  rule: 'grpc-deadline',
  js: {
    valid: [
      `${made}client.place(order, { deadline: Date.now() + 500 }, (error, reply) => {});`,
      `${made}client.place(order, new grpc.Metadata(), { deadline }, (error, reply) => {});`,
      `${made}server.addService(s, { place(call, callback) { client.place(call.request, { parent: call }, callback); } });`,
      `${made}client.record({ deadline }, (error, reply) => {}).end();`,
      // What cannot be seen.
      `${made}client.place(order, options, (error, reply) => {});`,
      `${made}client.place(order, metadata, optionsOf(order), (error, reply) => {});`,
      `${made}client.place(...args, (error, reply) => {});`,
      // Ended by hand, here or by whoever gets it.
      `${made}function place(order) { const call = client.place(order, (error, reply) => {}); setTimeout(() => call.cancel(), 500); }`,
      `${made}function place(order, callback) { return client.place(order, callback); }`,
      // Streams are often meant to stay open.
      `${made}const orders = client.watch(query); orders.on('data', show);`,
      // No calls.
      `${made}client.waitForReady(deadline, (error) => {}); client.close();`,
      // Each call gets one elsewhere.
      "import * as grpc from '@grpc/grpc-js'; const client = new Orders(address, grpc.credentials.createInsecure(), { interceptors: [deadline] }); client.place(order, (error) => {});",
      "import * as grpc from '@grpc/grpc-js'; const client = new Orders(address, grpc.credentials.createInsecure(), options); client.place(order, (error) => {});",
      // Some other client.
      "import { Orders } from './orders.js'; const client = new Orders(address, credentials); client.place(order, (error, reply) => {});",
    ],
    invalid: [
      without(
        `${made}client.place(order, (error, reply) => {});`,
        `${made}client.place(order, { deadline: Date.now() + 5_000 }, (error, reply) => {});`,
      ),
      without(
        `${made}client.place(order, new grpc.Metadata(), function (error, reply) {});`,
        `${made}client.place(order, new grpc.Metadata(), { deadline: Date.now() + 5_000 }, function (error, reply) {});`,
      ),
      without(
        `${made}function answered(error, reply) {}\nclient.place(order, answered);`,
        `${made}function answered(error, reply) {}\nclient.place(order, { deadline: Date.now() + 5_000 }, answered);`,
      ),
      without(
        generated.replace('CALL', 'this.client.place(order, done);'),
        generated.replace('CALL', 'this.client.place(order, { deadline: Date.now() + 5_000 }, done);'),
      ),
      without(
        "const grpc = require('@grpc/grpc-js'); const Orders = grpc.makeGenericClientConstructor(service, 'Orders'); let client; client = new Orders(address, credentials, { 'grpc.max_receive_message_length': 1 }); client.place(order, (error) => {});",
        "const grpc = require('@grpc/grpc-js'); const Orders = grpc.makeGenericClientConstructor(service, 'Orders'); let client; client = new Orders(address, credentials, { 'grpc.max_receive_message_length': 1 }); client.place(order, { deadline: Date.now() + 5_000 }, (error) => {});",
      ),
      without(
        `${made}const place = (order) => new Promise((resolve, reject) => { client.place(order, (error, reply) => (error ? reject(error) : resolve(reply))); });`,
        `${made}const place = (order) => new Promise((resolve, reject) => { client.place(order, { deadline: Date.now() + 5_000 }, (error, reply) => (error ? reject(error) : resolve(reply))); });`,
      ),
      {
        ...without(`${made}const orders = client.watch(query); orders.on('data', show);`),
        options: [{ streams: true }],
      },
    ],
  },
  ts: {
    valid: [
      "import type { Client, Metadata } from '@grpc/grpc-js'; type Orders = Client & { place(order: object, extra: object, done: () => void): void }; export function place(client: Orders, extra: object) { client.place({}, extra, () => {}); }",
    ],
    invalid: [
      without(
        "import type { Client, Metadata } from '@grpc/grpc-js'; interface Orders extends Client { place(...args: unknown[]): void } export function place(client: Orders, extra: Metadata) { client.place({}, extra, () => {}); }",
        "import type { Client, Metadata } from '@grpc/grpc-js'; interface Orders extends Client { place(...args: unknown[]): void } export function place(client: Orders, extra: Metadata) { client.place({}, extra, { deadline: Date.now() + 5_000 }, () => {}); }",
      ),
    ],
  },
};
