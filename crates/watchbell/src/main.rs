//! `watchbell`: see `watchbell help`.

/// Many small values live and die with each delivery, most of them in another thread than the one that made them. This process's
/// time for a delivery by allocator: the system's 71 µs, mimalloc 60, jemalloc, which gives out first what was freed last, 50
/// (part `saturation` of the benchmark, PostgreSQL, 2026-11-29).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    watchbell::cli::main()
}
