/** Names in lower case. */
export type Header = readonly [name: string, value: string];
