import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './log.ts';

const AT_ONCE = 4;
const LONGEST = 1000;
const SPREAD_MS = 250;

interface Job {
  name: string;
  work(): Promise<unknown>;
}

export interface Background {
  /** Does it a little later. What it throws is logged and reaches nobody else. */
  run(name: string, work: () => Promise<unknown>): void;
  /** Does at once what still waits. @returns when all of it is done, or the time is over: the rest is then logged */
  drain(ms: number): Promise<void>;
}

/**
 * Work that an answer must not wait for, in memory: what waits when the process is killed is lost. It begins at a
 * random moment, so that whether there was any does not show in how fast the next answer is.
 */
export function createBackground(log: Logger): Background {
  const later = new Map<NodeJS.Timeout, Job>();
  const ready: Job[] = [];
  const running = new Set<Promise<void>>();

  async function attempt({ name, work }: Job): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.error({ job: name, err: error });
    }
  }

  function next(): void {
    while (running.size < AT_ONCE) {
      const job = ready.shift();
      if (!job) return;
      const done = attempt(job).then(() => {
        running.delete(done);
        next();
      });
      running.add(done);
    }
  }

  return {
    run(name, work) {
      // A mail server that hangs must not fill the memory.
      if (later.size + ready.length >= LONGEST) return log.error({ job: name, dropped: true });
      const timer = setTimeout(
        () => {
          later.delete(timer);
          ready.push({ name, work });
          next();
        },
        SPREAD_MS * (0.2 + Math.random()),
      );
      later.set(timer, { name, work });
    },
    async drain(ms) {
      for (const [timer, job] of later) {
        clearTimeout(timer);
        ready.push(job);
      }
      later.clear();
      next();
      const end = sleep(ms, 'late', { ref: false });
      while (running.size > 0) {
        if ((await Promise.race([Promise.all(running), end])) !== 'late') continue;
        log.error({ job: 'drain', dropped: running.size + ready.length });
        return;
      }
    },
  };
}
