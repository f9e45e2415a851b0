/**
 * The environment of a program that a test starts: of this process's own only what every program needs, so that no
 * setting of the machine changes what is tested.
 */
export function childEnvironment(settings: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, NODE_NO_WARNINGS: '1', ...(NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE } : {}), ...settings };
}
