import { type Logger, pino } from 'pino';

export type { Logger };

/** JSON lines on standard error, so that standard output carries only what was asked for. */
export function createLog(level: string): Logger {
  return pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
}
