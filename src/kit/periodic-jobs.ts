import type { Logger } from './log.ts';

/**
 * Runs `work` about every `ms` milliseconds, never twice at once. The pauses are random, so that several servers do not
 * work at the same moment. A failure is logged, and the next run comes in its turn.
 * @returns a function that stops it, and resolves when the run that is under way is done
 */
export function runPeriodically(
  ms: number,
  log: Logger,
  name: string,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const schedule = () => {
    timer = setTimeout(start, ms * (0.5 + Math.random()));
    timer.unref();
  };
  const run = async () => {
    await work().catch((error) => log.warn({ job: name, err: error }));
    if (!stopped) schedule();
  };
  const start = () => {
    running = run();
  };
  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
