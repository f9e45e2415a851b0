import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  type CommandOptions,
  type CommandResult,
  commandEnvironment,
  latchkey as runAlone,
} from './command.ts';

const program = new URL('./command-process.js', import.meta.url);

let warm: ChildProcess | undefined;
let isBusy = false;

/** A process that has loaded the program already. It keeps no test file running. */
function warmProcess(): ChildProcess {
  if (warm) return warm;
  warm = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  process.once('exit', () => warm?.kill());
  return warm;
}

/**
 * Runs `latchkey …` without starting a process each time, which takes most of a command's CPU time. For tests of what a
 * command does; those of how it starts and ends use `command.ts`. A second command at the same time gets a process of its
 * own.
 */
export async function latchkey(args: string[], options: CommandOptions): Promise<CommandResult> {
  if (isBusy) return runAlone(args, options);
  isBusy = true;
  const child = warmProcess();
  child.ref();
  child.channel?.ref();
  const done = new AbortController();
  try {
    child.send({ args, env: commandEnvironment(options), input: options.input ?? '' });
    const ended = once(child, 'exit', { signal: done.signal }).then(([code]): never => {
      throw new Error(`The process of the commands ended with ${code}.`);
    });
    ended.catch(() => {});
    const [result] = await Promise.race([once(child, 'message', { signal: done.signal }), ended]);
    return result;
  } finally {
    isBusy = false;
    done.abort();
    child.unref();
    child.channel?.unref();
  }
}
