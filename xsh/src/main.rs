//! The XenStore shell.

fn main() -> std::process::ExitCode {
    xsh::run()
}
