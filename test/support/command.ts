import { execFile } from 'node:child_process';
import { projectPath } from '../../src/kit/project-root.ts';
import { childEnvironment, QUICK_LOADING } from './child-environment.ts';

const bin = projectPath('bin/latchkey.js');

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Of the database. */
  url: string;
  /** What is written to its standard input. */
  input?: string;
  env?: NodeJS.ProcessEnv;
}

export const commandEnvironment = ({ url, env }: CommandOptions) =>
  childEnvironment({
    LATCHKEY_DATABASE_URL: url,
    LATCHKEY_SECRETS: 'c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1',
    ...env,
  });

/** Runs `latchkey …` as its own process, against that database. */
export function latchkey(args: string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((done) => {
    const env = commandEnvironment(options);
    const child = execFile(
      process.execPath,
      [...QUICK_LOADING, bin, ...args],
      { env },
      (error, stdout, stderr) => {
        done({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      },
    );
    child.stdin?.end(options.input ?? '');
  });
}
