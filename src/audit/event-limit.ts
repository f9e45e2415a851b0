import type { AuditEvent } from './index.ts';

const HOUR_MS = 3_600_000;

/** How many failures of people who have not signed in are recorded in an hour, at most. */
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
 * @returns a function that returns what to add to an event, or undefined when the event is to be omitted
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
