# syntax=docker/dockerfile:1
# The sidecar's image: one static program, no shell, no package manager, not root.
#
#   docker build --build-arg VERSION=v0.1.0 -t clerkgate .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
# The modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
# The tag is the Makefile's; it says there what for.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -tags grpcnotrace -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /clerkgate ./cmd/clerkgate

# Holds the certificate authorities, to fetch Clerk's keys, and little else.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /clerkgate /clerkgate
# As a number, so that runAsNonRoot can be checked without the image's /etc/passwd.
USER 65532:65532
ENTRYPOINT ["/clerkgate"]
