//! `watchbell`: see `watchbell help`.

fn main() -> std::process::ExitCode {
    watchbell::cli::main()
}
