import { type Logger, pino } from 'pino';

export type { Logger };

/** pino's number for the level `error`. */
const ERROR = 50;
const FLUSH_MS = 500;
/** Lines that wait for a full disk. */
const MAX_BUFFER_BYTES = 1_000_000;

/**
 * Logs JSON lines on standard error; standard output has only the results of commands. Lines are written in groups, at the
 * latest after half a second and at the end of the process. Errors are written at once.
 */
export function createLog(level: string): Logger {
  const destination = pino.destination({
    dest: 2,
    sync: true,
    minLength: 8192,
    maxLength: MAX_BUFFER_BYTES,
    periodicFlush: FLUSH_MS,
  });
  // A full disk under the log must not end the server. Its lines wait, up to MAX_BUFFER_BYTES, and are dropped beyond it.
  destination.on('error', () => {});
  process.on('exit', () => destination.flush());
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: {
        logMethod(args, method, number) {
          method.apply(this, args);
          // `flushSync` would also wait for the disk where standard error is a file, and every request with it.
          if (number >= ERROR) destination.flush();
        },
      },
    },
    destination,
  );
}
