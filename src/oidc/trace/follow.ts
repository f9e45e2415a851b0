import { setTimeout as sleep } from 'node:timers/promises';
import { print, printJsonLine } from '../../kit/terminal.ts';
import type { Traces } from './index.ts';
import type { TraceRow } from './store.ts';
import { type Story, toStory } from './story.ts';
import { storyLines } from './story-lines.ts';

type Query = Parameters<Traces['listSince']>[0];

const POLL_MS = 1000;
/** Each server writes with the time of its own clock, so a row may appear behind the newest one. */
const OVERLAP_MS = 10_000;
/** How long an attempt without a new step is remembered. */
const FORGET_MS = 900_000;

/** What was printed of an attempt that may go on. */
interface Open {
  rows: TraceRow[];
  at: number;
}

function printStory(story: Story, asJson: boolean | undefined): void {
  if (asJson) printJsonLine(story);
  else print(storyLines(story), false);
}

/** The steps of one row. The registration belongs to the request. */
function toNews(row: TraceRow): Story {
  const begins = row.steps.some(({ step }) => step === 'request');
  return toStory([{ ...row, registeredAt: begins ? row.registeredAt : null }]);
}

/** Ends with Ctrl-C, and when nobody reads the output any longer. */
function createEnd(): AbortSignal {
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
  process.stdout.once('error', () => end.abort());
  return end.signal;
}

/** Prints new steps as servers write them, and attempts that have stopped without another step, until it is ended. */
export async function follow(
  reader: Pick<Traces, 'listSince'>,
  query: Query,
  asJson: boolean | undefined,
): Promise<void> {
  const signal = createEnd();
  const began = Date.now();
  const printed = new Map<string, number>();
  const open = new Map<string, Open>();
  while (!signal.aborted) {
    const now = Date.now();
    for (const row of await reader.listSince(query, Math.max(began, now - OVERLAP_MS))) {
      if (printed.has(row.id)) continue;
      printed.set(row.id, now);
      printStory(toNews(row), asJson);
      open.set(row.attemptId, { rows: [...(open.get(row.attemptId)?.rows ?? []), row], at: now });
    }
    for (const [attemptId, { rows, at }] of open) {
      const story = toStory(rows, now);
      if (story.ending === 'stopped') printStory({ ...story, steps: [] }, asJson);
      if (story.ending !== 'waiting' || now - at > FORGET_MS) open.delete(attemptId);
    }
    for (const [id, at] of printed) if (now - at > 2 * OVERLAP_MS) printed.delete(id);
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}
