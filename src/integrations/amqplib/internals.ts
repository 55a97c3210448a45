/** What amqplib has beyond its public types. */

/** Of either model, with promises or callbacks. */
export interface Channel {
  readonly connection: Connection;
}

export interface Connection {
  /** Itself at first; null for one that is closed. */
  readonly channels: readonly ({ readonly channel: Channel } | null)[];
}

/** What the broker says of why it closes something: its code, and its text in the message. */
export interface CloseError {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** The code of AMQP that the application's own close() sends, and no close because of an error. */
export const REPLY_SUCCESS = 200;
