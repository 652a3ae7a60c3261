//! `watchbell completions SHELL` and `watchbell man`: what packages install beside the program, made from the command line itself.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use super::Error;

#[derive(Debug, Args)]
pub struct Completions {
    shell: Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// Of a command, such as `serve` or `deliveries list`; of the whole program without one
    command: Vec<String>,
}

impl Completions {
    pub fn run(self, mut program: Command) -> Result<(), Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "watchbell", &mut script);
        Ok(std::io::stdout().write_all(&script)?)
    }
}

impl Man {
    pub fn run(self, mut program: Command) -> Result<(), Error> {
        program.build();
        let mut command = program;
        for name in &self.command {
            let found = command.find_subcommand(name).cloned();
            command = found.ok_or_else(|| Error::NoCommand(name.clone()))?;
        }
        Ok(clap_mangen::Man::new(command).render(&mut std::io::stdout())?)
    }
}
