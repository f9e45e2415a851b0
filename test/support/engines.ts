export type EngineName = 'sqlite' | 'postgres' | 'mariadb' | 'mysql';

/** The engines that `npm test` found; a file that is run without it takes SQLite. */
export const engines = (process.env.LATCHKEY_TEST_ENGINES ?? 'sqlite').split(',') as EngineName[];

/** The environment variable with the URL of an administrator's connection to that engine's server. */
export const urlVariable = (engine: string) => `LATCHKEY_TEST_${engine.toUpperCase()}`;

/** @throws Error when `npm test` started no server of that engine and the environment names none */
export function serverUrl(engine: Exclude<EngineName, 'sqlite'>): URL {
  const url = process.env[urlVariable(engine)];
  if (!url) throw new Error(`Run this with npm test, or set ${urlVariable(engine)} to the URL of a server.`);
  return new URL(url);
}
