import type { Logger } from './log.ts';

/** Runs `work` again and again, never twice at once, with jitter so that many servers do not do it together. */
export function every(ms: number, log: Logger, name: string, work: () => Promise<unknown>): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = () => {
    timer = setTimeout(run, ms * (0.5 + Math.random()));
    timer.unref();
  };
  const run = async () => {
    await work().catch((error) => log.warn({ job: name, err: error }));
    if (!stopped) next();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
