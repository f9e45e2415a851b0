import { type Logger, pino } from 'pino';

export type { Logger };

/** pino's number for the level `error`. */
const ERROR = 50;
const FLUSH_MS = 500;

/**
 * Logs JSON lines on standard error; standard output has only the results of commands. Lines are written in groups, at the
 * latest after half a second and at the end of the process. Errors are written at once.
 */
export function createLog(level: string): Logger {
  const destination = pino.destination({ dest: 2, sync: true, minLength: 8192 });
  const flush = () => destination.flushSync();
  setInterval(flush, FLUSH_MS).unref();
  process.on('exit', flush);
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: {
        logMethod(args, method, number) {
          method.apply(this, args);
          if (number >= ERROR) flush();
        },
      },
    },
    destination,
  );
}
