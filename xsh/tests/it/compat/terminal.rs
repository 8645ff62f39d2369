//! `xenstore-ls` on terminals of many widths.

use std::io::Read as _;
use std::path::Path;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::{Side, for_each_pair, links, original};

/// What a program prints on a terminal of so many columns.
fn on_terminal(program: &Path, arguments: &[&str], socket: &Path, cols: u16) -> Vec<u8> {
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
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut seen = Vec::new();
    // The end of a terminal may be an error.
    drop(reader.read_to_end(&mut seen));
    assert!(child.wait().unwrap().success());
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
