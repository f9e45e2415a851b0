export interface SlotLimits {
  /** How many may run at the same time for one key. */
  running: number;
  /** How many more may wait for that. */
  waiting: number;
  waitMs: number;
}

interface Line {
  running: number;
  waiting: Set<() => void>;
}

/**
 * Limits how many calls run at once for each key. Further ones wait for their turn, up to a limit of number and time.
 * @returns a function that takes a slot. It resolves with what gives the slot back, or with undefined if there was none in time,
 *   or the signal was aborted
 */
export function createSlots(limits: SlotLimits) {
  const lines = new Map<string, Line>();

  function giveBack(key: string, line: Line): void {
    const [next] = line.waiting;
    if (next) next();
    else line.running -= 1;
    if (line.running === 0) lines.delete(key);
  }

  const wait = ({ waiting }: Line, signal: AbortSignal) =>
    new Promise<boolean>((resolve) => {
      const end = (hasSlot: boolean) => {
        waiting.delete(begin);
        clearTimeout(late);
        signal.removeEventListener('abort', leave);
        resolve(hasSlot);
      };
      const begin = () => end(true);
      const leave = () => end(false);
      const late = setTimeout(leave, limits.waitMs);
      signal.addEventListener('abort', leave);
      waiting.add(begin);
    });

  return async (key: string, signal: AbortSignal): Promise<(() => void) | undefined> => {
    const line = lines.get(key) ?? { running: 0, waiting: new Set() };
    lines.set(key, line);
    if (line.running < limits.running) line.running += 1;
    else if (signal.aborted || line.waiting.size >= limits.waiting || !(await wait(line, signal)))
      return undefined;
    return () => giveBack(key, line);
  };
}
