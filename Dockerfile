# Builds two images: `docker build --target server .` and `docker build --target client .`
# Commands run only on the platform of the builder. Files for another platform are copied, so nothing is emulated.

FROM --platform=$BUILDPLATFORM node:24-trixie-slim AS build
# The bundles contain the packages, and a scan of the final image would miss them.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts

FROM build AS build-server
COPY server server
RUN npm run build:server

FROM build AS build-client
COPY client client
RUN npm run build:client

FROM --platform=$BUILDPLATFORM node:24-trixie-slim AS tools
ARG TARGETARCH
WORKDIR /tools
RUN dpkg --add-architecture $TARGETARCH \
 && apt-get update -qq \
 && apt-get download -qq tini:$TARGETARCH busybox-static:$TARGETARCH \
 && for package in *.deb; do dpkg --extract "$package" .; done \
 && mkdir -p root/sbin root/tmp \
 && cp usr/bin/tini-static root/sbin/tini \
 && chmod 1777 root/tmp

FROM nginx:1.30 AS nginx

FROM scratch AS client
LABEL org.opencontainers.image.title="WebSocket echo: client" \
      org.opencontainers.image.description="The web page and the NGINX front door of a WebSocket echo stack" \
      org.opencontainers.image.licenses="MIT"
COPY --from=nginx /etc/passwd /etc/group /etc/nsswitch.conf /etc/
# The dynamic loader is in /lib64 on amd64 and in /lib on arm64.
COPY --from=nginx /lib64/ld-linux-*.so.* /lib64/
COPY --from=nginx /lib/ld-linux-*.so.* /lib/*-linux-gnu/libc.so.6 /lib/*-linux-gnu/libcrypt.so.1 \
  /lib/*-linux-gnu/libcrypto.so.3 /lib/*-linux-gnu/libdl.so.2 /lib/*-linux-gnu/libm.so.6 \
  /lib/*-linux-gnu/libpcre2-8.so.0 /lib/*-linux-gnu/libpthread.so.0 /lib/*-linux-gnu/libssl.so.3 \
  /lib/*-linux-gnu/libz.so.1 /lib/*-linux-gnu/libzstd.so.1 /lib/
COPY --from=nginx /usr/sbin/nginx /usr/sbin/
COPY --from=nginx /etc/nginx/mime.types /etc/nginx/
# start.sh needs a shell, and the health check an HTTP client.
COPY --from=tools /tools/usr/bin/busybox /bin/sh
COPY --from=tools /tools/root /
# A checkout under a strict umask is readable only by its owner, so the modes are set here.
COPY --chmod=644 nginx.conf client/probe.conf client/tls.conf /etc/nginx/
COPY --chmod=755 client/start.sh /
COPY --from=build-client /app/client/dist /srv/client
USER 101
EXPOSE 80 7777
STOPSIGNAL SIGQUIT
# The request goes through the upstream: healthy means that the page can reach a server.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --start-interval=500ms CMD ["sh", "-c", \
  "wget -Y off -qO /dev/null http://127.0.0.1/healthz"]
ENTRYPOINT ["/sbin/tini", "-s", "--", "/start.sh"]

FROM node:24-trixie-slim AS node

FROM scratch AS server
LABEL org.opencontainers.image.title="WebSocket echo: server" \
      org.opencontainers.image.description="A WebSocket echo server with exact, documented behaviour" \
      org.opencontainers.image.licenses="MIT"
COPY --from=node /etc/passwd /etc/group /etc/nsswitch.conf /etc/
COPY --from=node /lib64/ld-linux-*.so.* /lib64/
COPY --from=node /lib/ld-linux-*.so.* /lib/*-linux-gnu/libatomic.so.1* /lib/*-linux-gnu/libc.so.6 \
  /lib/*-linux-gnu/libdl.so.2 /lib/*-linux-gnu/libgcc_s.so.1 /lib/*-linux-gnu/libm.so.6 \
  /lib/*-linux-gnu/libpthread.so.0 /lib/*-linux-gnu/libstdc++.so.6 /lib/
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=tools /tools/root /
COPY --from=build-server /app/server/dist /app/server
ENV NODE_ENV=production
WORKDIR /app
USER 1000
EXPOSE 7777
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s --start-interval=500ms CMD ["node", "-e", \
  "require('node:http').get({ host: process.env.HOST, port: process.env.PORT || 7777, path: '/healthz' }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))"]
# As process 1, Node.js would miss a signal that arrives before it has set up its handlers.
ENTRYPOINT ["/sbin/tini", "-s", "--"]
# A small young generation halves the memory of an idle connection and costs no speed.
CMD ["node", "--max-semi-space-size=1", "server/main.cjs"]
