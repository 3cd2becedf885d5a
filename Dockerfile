FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/qserve ./cmd/qserve

FROM alpine:3.22
# The spool has to be writable in a volume, which takes its owner from here.
RUN adduser -S -D -H -u 10001 qserve && install -d -o qserve -m 0700 /var/lib/qserve/spool
COPY --from=build /out/qserve /usr/local/bin/qserve
USER 10001
VOLUME /var/lib/qserve/spool
EXPOSE 8080/tcp 1812/udp 1813/udp
ENTRYPOINT ["/usr/local/bin/qserve"]
CMD ["serve"]
