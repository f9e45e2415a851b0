import type { AuditEvent } from './index.ts';

const HOUR_MS = 3_600_000;

/** The most failures before sign-in, such as wrong passwords, that one process records in an hour. */
export const FAILURES_PER_HOUR = 1000;

interface Window {
  began: number;
  recorded: number;
  omitted: number;
}

/**
 * Limits audit events that anyone can cause by sending requests. Otherwise they could fill the log.
 * @param perHour how many events of one application, action, error code and parameter are recorded; further ones are
 *   only counted
 * @returns a function to call before an event is recorded: it returns what to add to the event, or undefined if it is
 *   not to be recorded. `omitted`: how many were left out in the hour before
 */
export function createEventLimit(perHour: number, now: () => number = Date.now) {
  // The keys are bounded: registered applications, kinds of error, names of parameters. None contains text from a request.
  const windows = new Map<string, Window>();
  return (
    event: Pick<AuditEvent, 'clientId' | 'action' | 'errorCode'>,
    parameter = '',
  ): { details?: { omitted: number } } | undefined => {
    const key = `${event.clientId} ${event.action} ${event.errorCode} ${parameter}`;
    let window = windows.get(key);
    let omitted = 0;
    if (!window || now() - window.began >= HOUR_MS) {
      omitted = window?.omitted ?? 0;
      window = { began: now(), recorded: 0, omitted: 0 };
      windows.set(key, window);
    }
    if (window.recorded >= perHour) {
      window.omitted += 1;
      return undefined;
    }
    window.recorded += 1;
    return omitted > 0 ? { details: { omitted } } : {};
  };
}
