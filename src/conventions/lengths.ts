/** How long URLs, and what else a client sends, may be on a span, in UTF-16 units: Node takes heads of 16 kB, and of more where it is told to. */
export const MAX_ADDRESS_LENGTH = 256;
export const MAX_METHOD_LENGTH = 256;
export const MAX_USER_AGENT_LENGTH = 1_024;
/** Of the path, and of the query. */
export const MAX_URL_LENGTH = 4_096;
export const MAX_FULL_URL_LENGTH = 8_192;
