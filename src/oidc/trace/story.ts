import { FIXED_TTL } from '../fixed-lifetimes.ts';
import type { Fault } from './fault-types.ts';
import {
  answerOf,
  findFault,
  NEVER_ASKED,
  NEVER_EXCHANGED,
  NEVER_POLLED,
  USER_AWAITED,
  WHOSE,
} from './find-fault.ts';
import type { StepName, TraceStep } from './steps.ts';
import type { TraceRow } from './store.ts';

/** How a whole attempt ended. `waiting`: it may still go on. */
type Ending = 'connected' | 'refused' | 'stopped' | 'waiting';

/** One step of a story, as people read it. */
interface StoryStep {
  /** ISO 8601. */
  at: string;
  step: StepName;
  ok: boolean;
  says: string;
}

/** One attempt of an application to connect: what happened, where it stopped, and what to change. */
export interface Story {
  attempt: string;
  began_at: string;
  client_id: string | null;
  /** Null when the application is not registered. */
  client_name: string | null;
  username: string | null;
  ending: Ending;
  steps: StoryStep[];
  /** The step at which it stopped. */
  stopped_at?: StepName;
  /** Whose fault it is, why, and what to change: a sentence each. */
  fault?: { whose: string; cause: string; remedy: string };
}

const CODE_MS = FIXED_TTL.AuthorizationCode * 1000;
/** How long a page of ours may stay without an answer. After that it counts as left. */
const PAGE_MS = 600_000;
/** How old a registration may be to count as part of the attempt: the application probably registered itself for it. */
const NEW_MS = 3_600_000;

export const STEP_NAMES: Record<StepName, string> = {
  discovery: 'discovery',
  registration: 'registration',
  push: 'push',
  request: 'authorize',
  sign_in: 'sign-in',
  consent: 'consent',
  code: 'code',
  device: 'device',
  token: 'token',
  use: 'first use',
  refresh: 'refresh',
};

const DONE: Record<StepName, string> = {
  discovery: 'The discovery document was read from this address, perhaps by the application.',
  registration: 'The application was registered.',
  push: 'The application pushed its request.',
  request: 'The authorization request was accepted.',
  sign_in: 'The user signed in.',
  consent: 'The user allowed it.',
  code: 'The browser was sent back with a code.',
  device: 'The user connected the device.',
  token: 'The application got its tokens.',
  use: 'The access token was used here, and accepted.',
  refresh: 'The tokens were refreshed.',
};

function describeStep(step: TraceStep): StoryStep {
  const { at, step: name, error, redirectUri } = step;
  const where = redirectUri ? ` It names ${redirectUri}.` : '';
  const says =
    error === undefined
      ? `${DONE[name]}${where}`
      : `${answerOf(step)}${step.detail && step.detail !== step.description ? ` (${step.detail})` : ''}.${where}`;
  return { at, step: name, ok: error === undefined, says };
}

/** The sentence begins with a capital letter, ends with a full stop, and names the application. */
function toSentence(text: string, clientId: string | null): string {
  const named = clientId === null ? text : text.replaceAll('CLIENT_ID', clientId);
  return `${named.charAt(0).toUpperCase()}${named.slice(1)}${/[.…]$/.test(named) ? '' : '.'}`;
}

/** Sorts the steps by time. If two servers report one success, the earlier report counts. */
function orderSteps(rows: TraceRow[]): TraceStep[] {
  const seen = new Set<StepName>();
  return rows
    .flatMap(({ steps }) => steps)
    .sort((a, b) => a.at.localeCompare(b.at))
    .filter(({ step, error }) => {
      if (error !== undefined) return true;
      const isNew = !seen.has(step);
      seen.add(step);
      return isNew;
    });
}

/** What was awaited after these steps. After any other, it is the user. */
const AWAITED: Partial<Record<StepName, Fault>> = {
  registration: NEVER_ASKED,
  push: NEVER_ASKED,
  device: NEVER_POLLED,
};

function findEnding(steps: TraceStep[], now: number): { ending: Ending; fault?: Fault } {
  const last = steps.at(-1);
  if (!last) return { ending: 'waiting' };
  if (last.error !== undefined) return { ending: 'refused', fault: findFault(last) };
  if (steps.some(({ step, error }) => step === 'token' && error === undefined))
    return { ending: 'connected' };
  if (last.step === 'use') return { ending: 'connected' };
  const age = now - Date.parse(last.at);
  if (last.step === 'code')
    return age > CODE_MS ? { ending: 'stopped', fault: NEVER_EXCHANGED } : { ending: 'waiting' };
  return age > PAGE_MS
    ? { ending: 'stopped', fault: AWAITED[last.step] ?? USER_AWAITED }
    : { ending: 'waiting' };
}

/** @param redirectUris the registered ones, which are named if another was sent */
function describeFault(
  fault: Fault,
  clientId: string | null,
  redirectUris: string[],
  step: TraceStep | undefined,
) {
  const registered =
    step?.error === 'invalid_redirect_uri' && redirectUris.length > 0
      ? ` It sent ${step.redirectUri ?? 'none'}; registered: ${redirectUris.slice(0, 3).join(', ')}.`
      : '';
  return {
    whose: toSentence(WHOSE[fault.whose], null),
    cause: `${toSentence(fault.cause, clientId)}${registered}`,
    remedy: toSentence(fault.remedy, clientId),
  };
}

/** @param rows everything that is stored of one attempt, at least one row */
export function toStory(rows: TraceRow[], now = Date.now()): Story {
  const first = rows.find(({ clientName }) => clientName !== null) ?? rows[0];
  const steps = orderSteps(rows);
  const began = steps[0]?.at ?? new Date(now).toISOString();
  const registeredAt = first?.registeredAt;
  const described = steps.map(describeStep);
  const isRecorded = steps.some(({ step }) => step === 'registration');
  if (!isRecorded && registeredAt && Date.parse(began) - registeredAt.getTime() < NEW_MS)
    described.unshift(describeStep({ at: registeredAt.toISOString(), step: 'registration' }));
  described.sort((a, b) => a.at.localeCompare(b.at));
  const { ending, fault } = findEnding(steps, now);
  const clientId = first?.clientId ?? null;
  const story: Story = {
    attempt: first?.attemptId ?? '',
    began_at: began,
    client_id: clientId,
    client_name: first?.clientName ?? null,
    username: rows.find(({ username }) => username !== null)?.username ?? null,
    ending,
    steps: described,
  };
  if (!fault) return story;
  const last = steps.at(-1);
  if (last) story.stopped_at = last.step === 'code' ? 'token' : last.step;
  story.fault = describeFault(fault, first?.clientName ? clientId : null, first?.redirectUris ?? [], last);
  return story;
}
