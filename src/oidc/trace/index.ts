import type { Knex } from 'knex';
import { createRecorder } from './recorder.ts';
import { listAttempts, listRowsSince, type TraceQuery } from './store.ts';
import { type Story, toStory } from './story.ts';
import { sumUnrecorded, type Unrecorded } from './unrecorded.ts';

export interface StoryPage {
  stories: Story[];
  /** What was not recorded in the last day, by all servers and whatever the filter. */
  unrecorded: Unrecorded;
  /** The `after` of the next page; unset on the last page. */
  next?: string;
}

/** The attempts of applications to connect: recorded by every server, kept for a day, and read as stories. */
export function createTraces(knex: Knex) {
  return {
    ...createRecorder(knex),

    /** One page of stories, the attempt that began last first. */
    async list(query: TraceQuery): Promise<StoryPage> {
      const { attempts, next } = await listAttempts(knex, query);
      const stories = attempts.map((rows) => toStory(rows));
      const unrecorded = await sumUnrecorded(knex);
      return next === undefined ? { stories, unrecorded } : { stories, unrecorded, next };
    },

    /** @param since in milliseconds since 1970 @returns the rows that were written since then, for a command that follows */
    listSince: (query: Omit<TraceQuery, 'after' | 'limit'>, since: number) =>
      listRowsSince(knex, query, since),
  };
}

export type Traces = ReturnType<typeof createTraces>;
