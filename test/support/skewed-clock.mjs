/** Preloaded by NODE_OPTIONS: this process's clock is TEST_CLOCK_SKEW_MS ahead of the machine's, or behind. */
const skew = Number(process.env.TEST_CLOCK_SKEW_MS);
const now = Date.now.bind(Date);

globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length === 0 ? [now() + skew] : given));
  }

  static now() {
    return now() + skew;
  }
};
