//! `xenstore-ls` on terminals of many widths.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::{Side, for_each_pair, links, original};

/// What a program prints on a terminal of so many columns.
///
/// The end of a terminal may overtake what was written to it last: the program's exit would hang its controlling
/// terminal up, and a reader that Linux interrupts between its look for bytes and its look at the other side's state
/// is told that there is no other side. So it is nobody's controlling terminal, it stays open, and a mark of our own
/// behind the program's output says where that ends.
fn on_terminal(program: &Path, arguments: &[&str], socket: &Path, cols: u16) -> Vec<u8> {
    const MARK: &[u8] = b"\0the end\0";
    let size = PtySize {
        rows: 24,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.env("XENSTORED_PATH", socket);
    command.set_controlling_tty(false);
    let mut child = pty.slave.spawn_command(command).unwrap();
    let mut reader = pty.master.try_clone_reader().unwrap();
    let name = pty.master.tty_name().unwrap();
    let ended = std::thread::spawn(move || {
        let status = child.wait().unwrap();
        let mut terminal = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(name)
            .unwrap();
        terminal.write_all(MARK).unwrap();
        status
    });
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while !seen.ends_with(MARK) {
        let count = reader.read(&mut piece).unwrap();
        assert_ne!(count, 0, "the terminal ended after {}", seen.escape_ascii());
        seen.extend_from_slice(&piece[..count]);
    }
    seen.truncate(seen.len() - MARK.len());
    let status = ended.join().unwrap();
    assert!(status.success(), "{status}: {}", seen.escape_ascii());
    seen
}

#[test]
fn lines_are_cut_where_the_original_cuts_them_on_terminals_of_every_width() {
    let links = links();
    for_each_pair(|pair| {
        let long = "v".repeat(150);
        for (path, value) in [
            ("/t/short", "v"),
            ("/t/long", &long),
            (
                "/t/control",
                r"\x1b[31m\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
            ),
            (
                "/t/a-name-that-is-rather-long-for-a-terminal/below",
                "62 columns or about that many columns in all, more",
            ),
            ("/t/deep/deeper/deepest/still-deeper", "x"),
        ] {
            for side in [Side::Theirs, Side::Ours] {
                let mut write = pair.tool(side, "xenstore-write");
                assert!(write.args([path, value]).status().unwrap().success());
            }
        }
        for cols in [0, 1, 2, 9, 10, 12, 20, 40, 61, 62, 63, 80, 100, 300] {
            for arguments in [
                &["/t"][..],
                &["-p", "/t"],
                &["-f", "/t"],
                &["-f", "-p", "/t"],
            ] {
                let theirs = on_terminal(
                    &original("xenstore-ls"),
                    arguments,
                    pair.theirs.socket(),
                    cols,
                );
                let ours = links.path().join("xenstore-ls");
                let ours = on_terminal(&ours, arguments, pair.ours.socket(), cols);
                assert_eq!(
                    ours.escape_ascii().to_string(),
                    theirs.escape_ascii().to_string(),
                    "{} columns, {arguments:?}, {}",
                    cols,
                    pair.kind
                );
            }
        }
    });
}
