/** The limits of a call that an application makes through this server. How often it may call: the settings of its service. */

/** The most bytes of a request. Larger files are sent to services in parts. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** The most bytes of an answer. */
export const MAX_ANSWER_BYTES = 1024 ** 3;
/** The longest time for a whole call, with both bodies. */
export const MAX_CALL_MS = 15 * 60_000;
/** The longest time for a connection, for the headers of an answer, and between two parts of its body. */
export const TIMEOUTS_MS = { connect: 10_000, headers: 60_000, idle: 60_000 };
/** How many calls to one origin run at once. Further calls wait. */
export const MAX_CONNECTIONS = 128;
/** A longer pause that a service asks for is shortened to this. */
export const MAX_PAUSE_SECONDS = 3600;
