# One image for operator, agent and command line. Build the bundles first: `npm ci && npm run build`.
# Any Debian-based image with glibc and Node >= 22.19 will do as the base.
ARG BASE_IMAGE=node:24-bookworm-slim
FROM ${BASE_IMAGE}

WORKDIR /app
# The bundles find koffi beside them; of koffi only what loads it, and its prebuilt library for this platform.
COPY node_modules/koffi/package.json node_modules/koffi/index.* node_modules/koffi/LICENSE* /app/node_modules/koffi/
COPY node_modules/koffi/src/koffi/index.js node_modules/koffi/src/koffi/index.cjs /app/node_modules/koffi/src/koffi/
COPY node_modules/koffi/src/koffi/src/*.js node_modules/koffi/src/koffi/src/*.cjs /app/node_modules/koffi/src/koffi/src/
COPY node_modules/@koromix /app/node_modules/@koromix
COPY LICENSE dist/*.mjs dist/*.mjs.map /app/
RUN ["node", "-e", "fs.mkdirSync('/usr/local/bin', { recursive: true }); fs.symlinkSync('/app/cpuprofile.mjs', '/usr/local/bin/cpuprofile')"]

USER 65532:65532
# `docker run IMAGE /app/operator.mjs`, `… /app/agent.mjs`, `… /app/cpuprofile.mjs probe`
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["/app/cpuprofile.mjs", "--help"]
