import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const COUNT = 10;

interface Finished {
  name: string;
  file: string;
  milliseconds: number;
}

/** Passes the events of a test run on, and names the longest tests before the closing counts. */
export async function* withLongestTests(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const finished: Finished[] = [];
  /** The names of the test that a file is in, outermost first. */
  const names = new Map<string, string[]>();
  let isListed = false;
  for await (const event of events) {
    if (event.type === 'test:start') {
      const { file = '', nesting, name } = event.data;
      names.set(file, [...(names.get(file) ?? []).slice(0, nesting), name]);
    }
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { file = '', nesting, name, details } = event.data;
      const path = [...(names.get(file) ?? []).slice(0, nesting), name].join(' › ');
      if (details.type !== 'suite') finished.push({ name: path, file, milliseconds: details.duration_ms });
    }
    if (!isListed && event.type === 'test:diagnostic' && /^tests \d+$/.test(event.data.message)) {
      isListed = true;
      yield { ...event, data: { ...event.data, message: longest(finished) } };
    }
    yield event;
  }
}

function longest(finished: Finished[]): string {
  const lines = finished
    .toSorted((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, COUNT)
    .map(({ name, file, milliseconds }) => {
      const seconds = (milliseconds / 1000).toFixed(1).padStart(5);
      return `  ${seconds} s  ${sourceOf(file)}: ${name}`;
    });
  return ['The longest tests:', ...lines].join('\n');
}

const sourceOf = (file: string) => relative('.', file).replace(/^dist\/(.*)\.js$/, '$1.ts');
