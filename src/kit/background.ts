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
  /** The same for work that may wait for the mail server: one that does not respond delays mail alone. */
  runMail(name: string, work: () => Promise<unknown>): void;
  /** Starts all waiting work at once. @returns when it is done, or after `ms`; then the number of dropped jobs is logged */
  drain(ms: number): Promise<void>;
}

/** Jobs that share the places in which they run, and the limit on those that wait. */
function createQueue(log: Logger) {
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
    run(name: string, work: () => Promise<unknown>): void {
      // A mail server that does not respond must not fill the memory.
      if (later.size + ready.length >= MAX_QUEUE_LENGTH) {
        log.error({ job: name, dropped: true });
        return;
      }
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
    startAll(): void {
      for (const [timer, job] of later) {
        clearTimeout(timer);
        ready.push(job);
      }
      later.clear();
      startReady();
    },
    listRunning: () => [...running],
    countLeft: () => running.size + ready.length,
  };
}

/**
 * Work that a response must not wait for, such as mail. It is kept in memory, so a process that is killed loses it. It
 * starts at a random moment, so that the time of the next response does not reveal whether there was any.
 */
export function createBackground(log: Logger): Background {
  const mail = createQueue(log);
  const other = createQueue(log);
  const queues = [mail, other];
  return {
    run: other.run,
    runMail: mail.run,
    async drain(ms) {
      const end = sleep(ms, 'late', { ref: false });
      for (;;) {
        // Jobs may add others: an archive that is ready is followed by a mail.
        for (const queue of queues) queue.startAll();
        const running = queues.flatMap((queue) => queue.listRunning());
        if (running.length === 0) return;
        if ((await Promise.race([Promise.all(running), end])) !== 'late') continue;
        const dropped = queues.reduce((sum, queue) => sum + queue.countLeft(), 0);
        log.error({ job: 'drain', dropped });
        return;
      }
    },
  };
}
