/** Preloaded by NODE_OPTIONS: this process's clock is TEST_CLOCK_SKEW_MS ahead of the machine's, or behind. */
const skew = Number(process.env.TEST_CLOCK_SKEW_MS);
const now = Date.now.bind(Date);
const skewedNow = () => now() + skew;

globalThis.Date = new Proxy(Date, {
  construct: (target, values, newTarget) =>
    Reflect.construct(target, values.length === 0 ? [skewedNow()] : values, newTarget),
  get: (target, name) => (name === 'now' ? skewedNow : Reflect.get(target, name)),
});
