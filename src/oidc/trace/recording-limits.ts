const MINUTE_MS = 60_000;

/** The maximum number of keys of each limit, and of attempts, in memory. The oldest are forgotten. */
const MAX_REMEMBERED = 5000;

/** How many can be taken at once, and how many more each minute. */
interface Rate {
  burst: number;
  perMinute: number;
}

/**
 * What one server records of each kind. A busy application must not fill the table, and a client_id is no secret: anyone can
 * send refused requests in the name of an application. One address, and one application, gets at most half of a kind. So
 * nobody alone hides the attempts of others.
 */
const KINDS = {
  success: { burst: 100, perMinute: 60 },
  beginning: { burst: 50, perMinute: 10 },
  /** Refused requests of applications that an operator has registered. */
  vetted: { burst: 100, perMinute: 60 },
  /** Refused requests of those that anyone could register. */
  unvetted: { burst: 40, perMinute: 10 },
  /** Refused requests that name no registered application. Anyone can make up a `client_id`. */
  unknown: { burst: 20, perMinute: 5 },
} satisfies Record<string, Rate>;

type Kind = keyof typeof KINDS;

/** How often the same thing is recorded: an account at an application, a step of an application, an error. */
const SAME = {
  success: { burst: 5, perMinute: 1 },
  beginning: { burst: 10, perMinute: 1 },
  refused: { burst: 10, perMinute: 1 },
} satisfies Record<string, Rate>;

/** Whose refused request it is. */
export type Standing = 'vetted' | 'unvetted' | 'unknown';

/** The sender of a request. */
export interface Source {
  clientId?: string | undefined;
  /** The address, as it is limited elsewhere (`networkOf`). Undefined in a test alone. */
  network?: string | undefined;
}

/** Whether an attempt is recorded, and its id; undefined if only the database knows it. */
interface Decision {
  isAdmitted: boolean;
  attemptId: string | undefined;
}

function addBounded<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

/** Token buckets: `canTake` whether one is left, `take` takes it. */
function createBuckets({ burst, perMinute }: Rate, now: () => number) {
  const buckets = new Map<string, { left: number; at: number }>();
  const levelOf = (key: string) => {
    const bucket = buckets.get(key);
    if (!bucket) return burst;
    return Math.min(burst, bucket.left + ((now() - bucket.at) / MINUTE_MS) * perMinute);
  };
  return {
    canTake: (key: string) => levelOf(key) >= 1,
    take: (key: string) => addBounded(buckets, key, { left: levelOf(key) - 1, at: now() }),
  };
}

const half = ({ burst, perMinute }: Rate): Rate => ({ burst: burst / 2, perMinute: perMinute / 2 });

/** The limits of one kind. `tryTake` takes from each of them, or from none. */
function createLimits(kind: Rate, same: Rate, now: () => number) {
  const bySame = createBuckets(same, now);
  const byApplication = createBuckets(half(kind), now);
  const byNetwork = createBuckets(half(kind), now);
  const all = createBuckets(kind, now);
  return {
    tryTake(key: string, { clientId, network }: Source): boolean {
      const taken = [[bySame, key] as const, [all, ''] as const];
      if (clientId !== undefined) taken.push([byApplication, clientId]);
      if (network !== undefined) taken.push([byNetwork, network]);
      if (!taken.every(([buckets, one]) => buckets.canTake(one))) return false;
      for (const [buckets, one] of taken) buckets.take(one);
      return true;
    },
  };
}

/**
 * Decides once which attempts are recorded: of a recorded one every step, of any other none, because a story without its
 * last step would name a wrong fault.
 */
export function createAdmission(now: () => number = Date.now) {
  const limitsOf = (kind: Kind, same: Rate) => createLimits(KINDS[kind], same, now);
  const success = limitsOf('success', SAME.success);
  const beginning = limitsOf('beginning', SAME.beginning);
  const refused = {
    vetted: limitsOf('vetted', SAME.refused),
    unvetted: limitsOf('unvetted', SAME.refused),
    unknown: limitsOf('unknown', SAME.refused),
  };
  const decided = new Map<string, Decision>();

  return {
    /** @returns what was decided about the attempt with one of these ids; undefined if this server does not know it */
    find(ids: (string | undefined)[]): Decision | undefined {
      for (const id of ids) {
        const known = id === undefined ? undefined : decided.get(id);
        if (known !== undefined) return known;
      }
      return undefined;
    },
    /** Remembers the decision under each id. */
    remember(ids: (string | undefined)[], decision: Decision): void {
      for (const id of ids) if (id !== undefined) addBounded(decided, id, decision);
    },
    /** @param owner the application and the account */
    admitSuccess: (owner: string, source: Source) => success.tryTake(owner, source),
    /** @param fault the attempt, or if it is not known the application, the error and the parameter */
    admitRefused: (fault: string, standing: Standing, source: Source) =>
      refused[standing].tryTake(fault, source),
    /** @param step the application and the step */
    admitBeginning: (step: string, source: Source) => beginning.tryTake(step, source),
  };
}
