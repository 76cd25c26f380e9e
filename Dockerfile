# syntax=docker/dockerfile:1
# The program alone; the database is elsewhere. See docker-compose.yml for both together.

FROM docker.io/library/debian:bookworm-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends \
        build-essential cmake ninja-build pkg-config python3 python3-yaml \
        libmicrohttpd-dev libgnutls28-dev libjansson-dev libpq-dev libssl-dev libcurl4-openssl-dev \
        libutf8proc-dev zlib1g-dev libinih-dev libopenblas-pthread-dev libcmocka-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cmake --preset release && cmake --build build/release --target monoceros \
    && strip build/release/monoceros

FROM docker.io/library/debian:bookworm-slim
LABEL org.opencontainers.image.title="Monoceros" \
      org.opencontainers.image.description="Training data for vision-language models from text alone" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libmicrohttpd12 libgnutls30 libjansson4 libpq5 libssl3 libcurl4 libutf8proc2 zlib1g libinih1 \
        libopenblas0-pthread ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin monoceros
COPY --from=build /source/build/release/monoceros /usr/local/bin/monoceros
COPY LICENSE /usr/share/doc/monoceros/LICENSE
RUN install -d -o monoceros -g monoceros -m 0750 /var/lib/monoceros/artefacts
VOLUME /var/lib/monoceros/artefacts
USER 10001:10001
ENV MONOCEROS_LISTEN=127.0.0.1:8080 \
    MONOCEROS_ARTEFACTS=/var/lib/monoceros/artefacts
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/monoceros", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/monoceros"]
CMD ["serve"]
