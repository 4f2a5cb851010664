//! The program `nidan`. What it does is in the library's `commands`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nidan::commands::main(std::env::args_os())
}
