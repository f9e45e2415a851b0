import async_hooks from 'node:async_hooks';

/**
 * Preloaded into the processes of a whole run, because the test runner of Node.js has a hook called for each promise of
 * the program, which takes a seventh of their CPU time. The runner needs that hook to name the test that caused an
 * uncaught error. Without it, the error still fails the run, with its stack and the file of the process.
 */
const { AsyncResource } = async_hooks;
let init: async_hooks.HookCallbacks['init'];

async_hooks.createHook = (callbacks) => {
  init ??= callbacks.init;
  const hook: async_hooks.AsyncHook = { enable: () => hook, disable: () => hook };
  return hook;
};

/** The runner's tests extend this class. Its hook gets them alone, so that a test finds the `describe` that it is in. */
async_hooks.AsyncResource = class extends AsyncResource {
  constructor(type: string, options?: number | async_hooks.AsyncResourceOptions) {
    super(type, options);
    init?.(this.asyncId(), type, this.triggerAsyncId(), this);
  }
};

const print = (error: unknown) => process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
process.on('uncaughtExceptionMonitor', print);
process.on('unhandledRejection', print);
