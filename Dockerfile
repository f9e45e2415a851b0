# The server as an unprivileged user. The root file system may be read-only: only /data, for SQLite, is written to.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install script is needed: the native modules carry their binaries, and this image is the Node.js to run on.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
# SQLite writes large sorts and new indices to temporary files. Without a writable folder they fail with a disk I/O error.
ENV NODE_ENV=production \
    LATCHKEY_HOST=0.0.0.0 \
    LATCHKEY_DATABASE_URL=sqlite:///data/latchkey.sqlite \
    SQLITE_TMPDIR=/data
WORKDIR /app
COPY package.json ./
COPY bin bin
COPY views views
COPY assets assets
COPY presets presets
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist/migrations dist/migrations
COPY --from=build /app/dist/src dist/src
RUN ln -s /app/bin/latchkey.js /usr/local/bin/latchkey && mkdir -m 700 /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# /healthz answers while the process runs. Not /readyz: a restart does not help when the database is unavailable.
HEALTHCHECK --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.LATCHKEY_PORT ?? 3000}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/latchkey.js", "start"]
