//! Shows the frontends, backends and rings of a Xen host.

fn main() -> std::process::ExitCode {
    xstop::run()
}
