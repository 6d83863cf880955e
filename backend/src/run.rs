use std::process::ExitCode;
pub fn main(_: &crate::config::Run) -> ExitCode { ExitCode::SUCCESS }
