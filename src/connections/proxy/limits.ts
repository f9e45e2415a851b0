/** The limits of a call that an application makes through this server. How often it may call: the settings of its service. */

/** The most bytes of a request. Larger files are sent to services in parts. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** The most bytes of an answer. */
export const MAX_ANSWER_BYTES = 1024 ** 3;
/** The longest time for a whole call, with both bodies. */
export const MAX_CALL_MS = 15 * 60_000;
/** The longest time for a connection, for the headers of an answer, and between two parts of its body. */
export const TIMEOUTS_MS = { connect: 10_000, headers: 60_000, idle: 60_000 };
/** The longest time that an application may take to read what is waiting for it, which is some 64 KB. */
export const MAX_STALL_MS = 60_000;
/** How many calls run at once to one origin, and how many of one person at one service: nobody can use up all of the first. */
export const SLOTS_OF_ORIGIN = { running: 128, waiting: 256, waitMs: 10_000 };
export const SLOTS_OF_PERSON = { running: 16, waiting: 64, waitMs: 10_000 };
/** A longer pause that a service asks for is shortened to this. */
export const MAX_PAUSE_SECONDS = 3600;
