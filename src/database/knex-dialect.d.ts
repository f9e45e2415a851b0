declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  const dialect: new (config: unknown) => unknown;
  export default dialect;
}
