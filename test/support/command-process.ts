import { Readable } from 'node:stream';
import { run } from '../../src/cli.ts';

/** Runs one command after the other for `warm-command.ts`, each with its own environment. Its output is the answer. */
const output = { stdout: '', stderr: '' };
for (const name of ['stdout', 'stderr'] as const)
  process[name].write = (chunk: string | Uint8Array) => {
    output[name] += String(chunk);
    return true;
  };

interface Command {
  args: string[];
  env: Record<string, string>;
  input: string;
}

process.on('message', async ({ args, env, input }: Command) => {
  Object.defineProperty(process, 'stdin', { value: Readable.from([input]), configurable: true });
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  Object.assign(output, { stdout: '', stderr: '' });
  await run([process.execPath, 'latchkey', ...args]);
  process.send?.({ code: process.exitCode ?? 0, ...output });
  process.exitCode = undefined;
});
