//! `watchbell`: see `watchbell help`.

/// Many small values live and die with each delivery: the system's allocator took nearly a third of this process's time (perf,
/// part `saturation` of the benchmark, PostgreSQL, 2026-11-20).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    watchbell::cli::main()
}
