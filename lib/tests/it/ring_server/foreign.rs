//! Xen's own programs as a guest runs them: through a character device whose driver passes their bytes on to the ring.
//!
//! A pseudo-terminal is the device, and we are the driver behind it. libxenstore takes anything that `XENSTORED_PATH`
//! names and that is no socket for one.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use xenbus::store::Personality;
use xenbus::transport::Transport as _;
use xenbus::wire::Op;
use xenbus_harness::requires_tool;

use super::{Scene, message, next, send};

/// The device, and its other side.
fn device() -> (File, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master: OwnedFd = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let mut settings = tcgetattr(&master).unwrap();
    settings.make_raw();
    tcsetattr(&master, OptionalActions::Now, &settings).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    (File::from(master), name.into_string().unwrap())
}

impl Scene {
    /// Runs a program of domain 1.
    fn run(&self, tool: &str, args: &[&str]) -> Option<Output> {
        let program = requires_tool(tool)?;
        let (master, name) = device();
        // Open all the time: without anybody on this side reading from the other fails.
        let held = File::options().read(true).write(true).open(&name).unwrap();
        let ring = Arc::new(self.ring());
        let (mut from_program, mut to_program) = (master.try_clone().unwrap(), master);
        let (requests, replies) = (Arc::clone(&ring), Arc::clone(&ring));
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = from_program.read(&mut bytes) {
                    send(&requests, &bytes[..count]);
                }
            });
            scope.spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = replies.read(&mut bytes, None) {
                    if to_program.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
            });
            let output = Command::new(program)
                .args(args)
                .env("XENSTORED_PATH", &name)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            // Both drivers end with their streams.
            drop(held);
            ring.shutdown();
            output
        });
        self.release_watches();
        Some(output)
    }

    /// As a driver does when its device is closed: nobody is left who wants the events.
    fn release_watches(&self) {
        let ring = self.ring();
        send(&ring, &message(Op::RESET_WATCHES, 0, b"\0"));
        while next(&ring).starts_with('*') {}
    }
}

#[test]
fn programs_of_a_guest_work_through_its_ring() {
    for personality in [Personality::C, Personality::C4_22, Personality::Oxenstored] {
        let scene = Scene::new(personality);
        scene.introduce();
        let long = "v".repeat(2000);
        for (tool, args, code, stdout) in [
            ("xenstore-write", &["data/b", "v", "data/c", ""][..], 0, ""),
            ("xenstore-read", &["data/b"], 0, "v\n"),
            ("xenstore-read", &["/local/domain/1/data/b"], 0, "v\n"),
            ("xenstore-list", &["data"], 0, "b\nc\n"),
            ("xenstore-exists", &["data/x"], 1, ""),
            ("xenstore-chmod", &["data/b", "n1", "r0"], 0, ""),
            (
                "xenstore-ls",
                &["-f", "-p", "data"],
                0,
                "data/b = \"v\"   (n1,r0)\ndata/c = \"\"   (n1)\n",
            ),
            ("xenstore-write", &["data/long", &long], 0, ""),
            ("xenstore-read", &["data/long"], 0, &format!("{long}\n")),
            ("xenstore-watch", &["-n", "1", "data"], 0, "data\n"),
            ("xenstore-rm", &["data/b"], 0, ""),
            ("xenstore-read", &["data/b"], 1, ""),
            // Not its own.
            ("xenstore-write", &["/tool/x", "v"], 1, ""),
        ] {
            let Some(output) = scene.run(tool, args) else {
                return;
            };
            let said = String::from_utf8_lossy(&output.stderr);
            let what = format!("{personality:?}: {tool} {args:.60?}: {said}");
            assert_eq!(output.status.code(), Some(code), "{what}");
            assert_eq!(String::from_utf8(output.stdout).unwrap(), stdout, "{what}");
        }
        scene.still_serves();
    }
}
