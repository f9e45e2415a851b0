import type { Actor } from './flows.ts';

/** One flow against one server in one round: ms of server CPU an operation, operations a second, p99 in ms. */
export interface Sample {
  cpu: number;
  rate: number;
  p99: number;
  rss: number;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Runs the flow with every actor for that many seconds, without pauses. */
export async function measure(
  actors: Actor[],
  flow: (actor: Actor) => Promise<void>,
  seconds: number,
): Promise<Sample> {
  const server = (actors[0] as Actor).server;
  const latencies: number[] = [];
  const before = await server.usage();
  const from = performance.now();
  const until = from + seconds * 1000;
  await Promise.all(
    actors.map(async (actor) => {
      for (let now = performance.now(); now < until; ) {
        await flow(actor);
        const done = performance.now();
        latencies.push(done - now);
        now = done;
      }
    }),
  );
  const elapsed = (performance.now() - from) / 1000;
  const after = await server.usage();
  latencies.sort((a, b) => a - b);
  return {
    cpu: (after.cpu - before.cpu) / latencies.length,
    rate: latencies.length / elapsed,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
    rss: after.rss,
  };
}

/** Runs the flow that many times in total, spread over the actors. */
export async function warmUp(
  actors: Actor[],
  flow: (actor: Actor) => Promise<void>,
  times: number,
): Promise<void> {
  let left = times;
  await Promise.all(
    actors.map(async (actor) => {
      while (left-- > 0) await flow(actor);
    }),
  );
}
