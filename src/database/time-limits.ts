/** How long a request waits for a database server, whatever the client library does. */
export const DEADLINE_MS = 1500;

/**
 * How long a commit waits for a row that another transaction has locked, such as one that an operator left open in a
 * client. It is shorter than the deadline, after which the connection and all requests that share it are given up.
 */
export const LOCK_WAIT_MS = 1000;
