//! `watchbell`: see `watchbell help`.

/// Many small values live and die with each delivery; the system's allocator took a fifth of this process's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    watchbell::cli::main()
}
