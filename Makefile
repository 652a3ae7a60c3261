.PHONY: help run test bench release book compose-check helm-check deb lint deny fmt

help: ## Say what can be made (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build Watchbell and run its demo on SQLite in ./data, with a nats-server of its own; Ctrl-C ends both
	@scripts/run.sh

test: ## Run all tests against private nats-server and PostgreSQL; ARGS="name" or ARGS="-- --nocapture" go to cargo test
	@scripts/test.sh $(ARGS)

bench: ## Measure Watchbell beside a bare pipeline (at most 40 minutes); ARGS="saturation latency", ARGS="--quick", ARGS="--help"
	@scripts/bench.sh $(ARGS)

release: ## Build the program that is handed out: target/dist/watchbell, stripped, with its debug information beside it
	@scripts/release.sh

book: ## Build the documentation into target/book, and look whether its links, settings and commands are right
	@scripts/book.sh

compose-check: ## Look at the compose file and what it mounts, as far as that goes without containers
	@scripts/compose.sh

helm-check: ## Lint and render the Helm chart, and compare with its snapshots
	@scripts/helm.sh

deb: release ## Make the Debian package of that program, and try it in a Debian of its own
	@scripts/deb-test.sh && scripts/deb.sh

lint: ## Check formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## Check dependencies: licences, sources, bans, and advisories where their database can be reached
	@scripts/deny.sh

fmt: ## Format the code
	cargo fmt --all
