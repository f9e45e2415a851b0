const MINUTE_MS = 60_000;

/** So many keys of buckets and so many attempts are remembered. The oldest are forgotten. */
const MAX_REMEMBERED = 5000;

/** How many can be taken at once, and how many more each minute. */
interface Rate {
  burst: number;
  perMinute: number;
}

/**
 * What one server records. A busy application must not fill the table, and a client_id is no secret: anyone can send
 * refused requests in the name of an application.
 */
const RATES = {
  account: { burst: 5, perMinute: 1 },
  fault: { burst: 10, perMinute: 1 },
  successes: { burst: 100, perMinute: 60 },
  failures: { burst: 100, perMinute: 60 },
  beginning: { burst: 10, perMinute: 1 },
  beginnings: { burst: 50, perMinute: 10 },
} satisfies Record<string, Rate>;

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

/**
 * Decides once which attempts are recorded: of a recorded one every step, of any other none, because a story without its
 * last step would name a wrong fault.
 */
export function createAdmission(now: () => number = Date.now) {
  const buckets = {
    account: createBuckets(RATES.account, now),
    fault: createBuckets(RATES.fault, now),
    successes: createBuckets(RATES.successes, now),
    failures: createBuckets(RATES.failures, now),
    beginning: createBuckets(RATES.beginning, now),
    beginnings: createBuckets(RATES.beginnings, now),
  };
  const decided = new Map<string, Decision>();

  function tryTake(
    kind: 'account' | 'fault' | 'beginning',
    key: string,
    all: 'successes' | 'failures' | 'beginnings',
  ): boolean {
    if (!buckets[kind].canTake(key) || !buckets[all].canTake('')) return false;
    buckets[kind].take(key);
    buckets[all].take('');
    return true;
  }

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
    admitSuccess: (owner: string) => tryTake('account', owner, 'successes'),
    /** @param fault the attempt, or if it is not known the application, the error and the parameter */
    admitFailure: (fault: string) => tryTake('fault', fault, 'failures'),
    /** @param step the application and the step */
    admitBeginning: (step: string) => tryTake('beginning', step, 'beginnings'),
  };
}
