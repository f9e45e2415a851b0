/** Preloaded with NODE_OPTIONS. Sets the clock of this process ahead by TEST_CLOCK_SKEW_MS, or behind if negative. */
const skew = Number(process.env.TEST_CLOCK_SKEW_MS);
const now = Date.now.bind(Date);
const skewedNow = () => now() + skew;

globalThis.Date = new Proxy(Date, {
  construct: (target, values, newTarget) =>
    Reflect.construct(target, values.length === 0 ? [skewedNow()] : values, newTarget),
  get: (target, name) => (name === 'now' ? skewedNow : Reflect.get(target, name)),
});
