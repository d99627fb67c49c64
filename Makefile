# Everything a contributor runs.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X github.com/alma-events/alma/wire.Version=$(VERSION)
BIN      ?= bin/alma
PREFIX   ?= /usr/local
DESTDIR  ?=
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: test lint build install release bench crash-test cluster-test fuzz demo

# The same as: bash scripts/test.sh
test:
	bash scripts/test.sh

lint:
	go run $(LINT) run ./...

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/alma

# The program, its man page, and what completes its command line.
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/alma
	$(BIN) man > $(DESTDIR)$(PREFIX)/share/man/man1/alma.1
	$(BIN) completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/alma
	$(BIN) completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_alma
	$(BIN) completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/alma.fish

# Binaries for every platform, and the man page, in bin/.
release: build
	bin/alma man > bin/alma.1
	@for p in $(PLATFORMS); do \
		os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
		echo "bin/alma-$$os-$$arch$$ext"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o bin/alma-$$os-$$arch$$ext ./cmd/alma || exit 1; \
	done

# The figures of docs/performance.md. Run it when nothing else runs.
bench:
	go run ./cmd/alma bench

# The long form of the crash test: hundreds of lives, each ended by kill -9 or
# like a power cut. It prints the seed that repeats a failure.
crash-test:
	ALMA_CRASH_LIVES=$${ALMA_CRASH_LIVES:-300} go test -count=1 -timeout 60m -v ./internal/crashtest

# The long form of the tests of many nodes: real processes on a real PostgreSQL,
# which is away for half a minute, and then random steps. It prints the seed that
# repeats a failure.
cluster-test:
	ALMA_CLUSTER_STEPS=$${ALMA_CLUSTER_STEPS:-40} go test -count=1 -timeout 60m -v ./internal/clustertest

# Each fuzz target for a minute.
fuzz:
	@for pkg in $$(grep -rl 'func Fuzz' --include '*_test.go' . | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -rho 'func Fuzz[A-Za-z0-9]*' $$pkg/*_test.go | sed 's/func //'); do \
			echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 60s $$pkg || exit 1; \
		done; done

demo:
	go run ./cmd/alma demo
