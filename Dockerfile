# The server as an unprivileged user; the root file system may be read-only, /data is where SQLite rests.
# The whole image, which has a compiler: two of the modules are native, and made here when no ready one fits.
FROM node:20 AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:20-slim
# Without TSX_DISABLE_CACHE it would write below /tmp, and not start where that is read-only.
ENV NODE_ENV=production \
    TSX_DISABLE_CACHE=1 \
    LATCHKEY_HOST=0.0.0.0 \
    LATCHKEY_DATABASE_URL=sqlite:///data/latchkey.sqlite
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY package.json knexfile.ts tsconfig.json ./
COPY bin bin
COPY src src
COPY views views
COPY assets assets
COPY migrations migrations
RUN ln -s /app/bin/latchkey.js /usr/local/bin/latchkey && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# Whether the process lives: a database that is away must not have it killed (that is what /readyz tells).
HEALTHCHECK CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.LATCHKEY_PORT ?? 3000}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--import", "tsx", "src/main.ts"]
