# The Stratos service. Node runs the TypeScript sources as they are; nothing is compiled.
FROM node:24-bookworm-slim AS build
WORKDIR /app
RUN npm install --global pnpm@10.34.9

# Manifests first: as long as they stay the same, the installation comes from the cache.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml .npmrc ./
COPY stratos-core/package.json stratos-core/
COPY stratos-service/package.json stratos-service/
RUN pnpm install --prod --frozen-lockfile --ignore-scripts --filter-prod 'stratos-service...'

COPY lexicons lexicons
COPY scripts/codegen.ts scripts/
COPY stratos-core/src stratos-core/src
COPY stratos-service/src stratos-service/src
# The lexicon generator is a dependency of stratos-core, and the script lies outside of it.
RUN NODE_PATH=/app/stratos-core/node_modules node scripts/codegen.ts && rm -r lexicons scripts .cache
# Whoever cloned the repository may have kept the files to themselves.
RUN chmod -R a+rX stratos-core stratos-service


FROM node:24-bookworm-slim
ENV NODE_ENV=production STRATOS_DATA_DIR=/data
WORKDIR /app
COPY --from=build /app ./
# By number, so that the user exists in every base image and orchestrators can tell that it is not root.
RUN mkdir --mode 700 /data && chown 1000:1000 /data && ln -s /app/stratos-service/src/cli.ts /usr/local/bin/stratos
USER 1000:1000
VOLUME /data
EXPOSE 3100
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.STRATOS_PORT || 3100}/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Young objects get half the usual room, and garbage is collected before the heap has doubled: a quarter less memory for a
# tenth of the processor time of writes. What an upload leaves behind is given back at once: otherwise a thread does that,
# and comes too late where processors are busy.
ENTRYPOINT ["node", "--max-semi-space-size=8", "--heap-growing-percent=30", "--no-concurrent-array-buffer-sweeping", "stratos-service/src/cli.ts"]
CMD ["serve"]
