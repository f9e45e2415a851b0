import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './log.ts';

const MAX_AT_ONCE = 4;
/** Further work is dropped, and that is logged. */
const MAX_QUEUE_LENGTH = 1000;
/** Work starts after a random time up to this. */
const MAX_DELAY_MS = 250;

interface Job {
  name: string;
  work(): Promise<unknown>;
}

export interface Background {
  /** Runs `work` a little later. An error is logged and reaches nobody else. */
  run(name: string, work: () => Promise<unknown>): void;
  /** Starts all waiting work at once. @returns when it is done, or after `ms`; then the number of dropped jobs is logged */
  drain(ms: number): Promise<void>;
}

/**
 * Work that a response must not wait for, such as mail. It is kept in memory, so a process that is killed loses it. It
 * starts at a random moment, so that the time of the next response does not reveal whether there was any.
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

  function startReady(): void {
    while (running.size < MAX_AT_ONCE) {
      const job = ready.shift();
      if (!job) return;
      const done = attempt(job).then(() => {
        running.delete(done);
        startReady();
      });
      running.add(done);
    }
  }

  return {
    run(name, work) {
      // A mail server that does not respond must not fill the memory.
      if (later.size + ready.length >= MAX_QUEUE_LENGTH) return log.error({ job: name, dropped: true });
      const timer = setTimeout(
        () => {
          later.delete(timer);
          ready.push({ name, work });
          startReady();
        },
        MAX_DELAY_MS * (0.2 + Math.random()),
      );
      later.set(timer, { name, work });
    },
    async drain(ms) {
      for (const [timer, job] of later) {
        clearTimeout(timer);
        ready.push(job);
      }
      later.clear();
      startReady();
      const end = sleep(ms, 'late', { ref: false });
      while (running.size > 0) {
        if ((await Promise.race([Promise.all(running), end])) !== 'late') continue;
        log.error({ job: 'drain', dropped: running.size + ready.length });
        return;
      }
    },
  };
}
