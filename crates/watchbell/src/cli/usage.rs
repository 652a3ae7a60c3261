//! What is said when a command line is no command, in one line.

use std::process::ExitCode;

use clap::error::ErrorKind;

use super::output;

/// Prints the help that was asked for, or what is wrong with the command line.
pub fn answer(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe is the reader's choice.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => {
            output::complain(&sentence(error));
            ExitCode::from(2)
        }
    }
}

/// clap's first paragraph in one line: what follows (usage, hints) is what `--help` says.
fn sentence(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let text = error.to_string();
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("watchbell <COMMAND>").to_owned();
        return format!("a command is missing: {usage}; see --help");
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // The first paragraph, with the possible values or the similar name that clap gives in lines of their own.
    let lines = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).map(str::trim);
    let words: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    format!("{}; see --help", words.join(" ").replace(" tip: ", "; "))
}
