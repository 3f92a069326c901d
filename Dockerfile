# The action's image: luigi with the two render tools beside it.
# Base images are pinned by digest with the first release.

FROM golang:1.26-bookworm AS tools
WORKDIR /src
COPY tests/parts/render/ .
ENV CGO_ENABLED=0 GOFLAGS=-trimpath
RUN go build -mod=readonly -ldflags='-s -w' -o /out/helm helm.sh/helm/v4/cmd/helm \
 && go build -mod=readonly -ldflags='-s -w' -o /out/kustomize sigs.k8s.io/kustomize/kustomize/v5

FROM rust:1.95-bookworm AS luigi
WORKDIR /src
# Without rust-toolchain.toml: rustup would fetch what the base image lacks of it.
COPY . .
RUN cargo build --locked --release && cp target/release/luigi /out-luigi

# A base with sh, env and tail: runners that run actions in Kubernetes need them.
FROM debian:12-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=tools /out/ /usr/local/bin/
COPY --from=luigi /out-luigi /usr/local/bin/luigi
RUN luigi --version && helm version --short && kustomize version
# No USER: the runner's files are root's. No WORKDIR: the runner sets it.
ENTRYPOINT ["luigi"]
CMD ["run"]
