# syntax=docker/dockerfile:1

# The binary is built where the builder runs, for the platform that is asked for.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/bin/millrace ./cmd/millrace && \
    mkdir -p /out/data

# No shell, no package manager, and nothing to write to but the folder of the store.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="An event-sourced order service" \
      org.opencontainers.image.source="https://github.com/millrace/millrace" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/bin/millrace /usr/local/bin/millrace
COPY --from=build --chown=65532:65532 /out/data /data

# A container has its own loopback, so who may come in is for whoever publishes the
# ports. The default store, a SQLite file, is in the working directory: put a volume
# there to keep it.
ENV MILLRACE_HTTP_ADDR=:8080 MILLRACE_ADMIN_ADDR=:8081
WORKDIR /data
USER 65532:65532
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["millrace", "ready"]
ENTRYPOINT ["millrace"]
CMD ["serve"]
