//! Every option and every error of every tool.

use super::{Seen, Side, for_each_pair};

/// Commands one after the other; words are separated by spaces, `_` is a space within a word, `''` an empty word.
const STEPS: &[&str] = &[
    "write /a/b v /a/c x\\n\\x41\\1\\0177z\\q /a/d tab\\there",
    "write /a/same v",
    // Options of reading, and what is no option.
    "read",
    "read -h",
    "read --help",
    "read -x /a/b",
    "read --foo /a/b",
    "read --pre /a/b",
    "read --prefix=3 /a/b",
    "read --r /a/b",
    "read --re /a/b",
    "read --ra /a/b",
    "read --=x /a/b",
    "read - /a/b",
    "read -s /a/b",
    "read --socket /a/b",
    "read -R /a/b /a/c",
    "read -Rp /a/b /a/c",
    "read -p /a/b /a/c /a/d",
    "read -ps /a/b",
    "read -f /a/b",
    "read -n 3 /a/b",
    "read -n",
    "read --",
    "read -- -p",
    "read /a/b -p",
    "read /a/b /nope /a/c",
    "read /a/",
    "read ''",
    "read relative",
    "read @introduceDomain",
    "read /a_b",
    "read //a",
    "read /a/../b",
    // Writing.
    "write /a",
    "write -h",
    "write -p a b",
    "write",
    "write /a b c",
    "write -R /raw a\\n",
    "read -R /raw",
    "write /w a\\x /w2 \\x_41 /w3 \\x+4 /w4 \\x-4z /w5 \\x0x41 /w6 \\777 /w7 a\\000b /w8 \\xzz /w9 \\8 /w10 end\\",
    "read /w /w2 /w3 /w4 /w5 /w6 /w7 /w8 /w9 /w10",
    "read -R /w6 /w7 /w10",
    "write / root",
    "write -- /dash -x",
    "read /dash",
    "write /p/q/r deep",
    "write /bad_path v",
    "write /good 1 /bad_path 2",
    "exists /good",
    "write @x v",
    // Listing.
    "list -h",
    "list",
    "list /a",
    "list -p /a",
    "list /a /p /p/q",
    "list /nope",
    "list /a /nope /p",
    "list ''",
    "list -f /a",
    "exists -h",
    "exists",
    "exists /a",
    "exists /a /nope",
    "exists -p /a",
    "exists -q /a",
    "ls -h",
    "ls",
    "ls /",
    "ls -p",
    "ls -f -p",
    "ls -pf /a /p",
    "ls --flat --prefix /a",
    "ls /a/b",
    "ls /nope",
    "ls /a/",
    "ls /a /nope /p",
    "ls ''",
    "ls -n 3",
    "ls -f relative",
    // Permissions.
    "chmod",
    "chmod -h",
    "chmod /a",
    "chmod /a q0",
    "chmod /a ''",
    "chmod /a n0 r1 b2 w3",
    "ls -p /",
    "chmod /a n0 r-1",
    "ls -p -f /",
    "chmod /a n0 rabc w12x b_7 r4294967296 r99999999999999999999",
    "ls -p -f /",
    "chmod /a n0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 r16 r17",
    "ls -p /",
    "chmod -u /p/q/r n0 r3",
    "chmod -u p/q n0",
    "chmod -u p n0",
    "chmod -r /a n0 r4",
    "chmod -u -r /a n0 r5",
    "chmod -ur /p/q n0 r7",
    "chmod /nope n0",
    "chmod -r -- /a n0 r6",
    "chmod /a -r n0",
    "chmod -t /a n0",
    "chmod -r / n0",
    "ls -f -p /",
    // Removing.
    "rm",
    "rm -h",
    "rm -p /a",
    "rm /nope",
    "rm /nope/x",
    "rm ''",
    "rm /w/",
    "write /t/a/b/c '' /t2/x/y v",
    "rm -t /t/a/b/c",
    "rm -t /t2/x/y",
    "write /t3/x '' /t3 value",
    "rm -t /t3/x",
    "write rel/x ''",
    "rm -t rel/x",
    "rm -t /w /nope/nope",
    "exists /w",
    "rm -t /w2/",
    "rm --tidy /w2 /w3",
    "rm /a /w4",
    "ls -f -p /",
    // Watching.
    "watch",
    "watch -h",
    "watch -n",
    "watch --number",
    "watch -n 0 /p",
    "watch -n0 /p",
    "watch -n abc /p",
    "watch --n=0 /p",
    "watch -n 1 /p",
    "watch -n 1 /nope",
    "watch -n 2 /p /nope",
    "watch -n 1 relative",
    "watch -n 1 @introduceDomain",
    "watch -n 1 /p_q",
    "watch -n 1 ''",
    "watch -p /p",
];

fn words(step: &str) -> Vec<Vec<u8>> {
    let plain = |word: &str| match word {
        "''" => Vec::new(),
        word => word.replace('_', " ").into_bytes(),
    };
    step.split(' ').map(plain).collect()
}

#[test]
fn every_option_and_error_is_byte_for_byte_that_of_the_originals() {
    for_each_pair(|pair| {
        for step in STEPS {
            let words = words(step);
            let name = format!("xenstore-{}", step.split(' ').next().unwrap());
            let arguments: Vec<_> = words[1..].iter().map(Vec::as_slice).collect();
            // Printing the root's names with -p is a deviation.
            pair.same(&name, &arguments);
        }
        let long = vec![b'x'; 4200];
        pair.same("xenstore-write", &[b"/long", &long]);
        let path = [b"/", &long[..3000]].concat();
        pair.same("xenstore-read", &[&path]);
        pair.same("xenstore-read", &[b"/\xff\x1b[31m"]);
    });
}

#[test]
fn one_program_with_the_tool_as_its_first_argument_is_the_same() {
    for_each_pair(|pair| {
        for step in [
            "",
            "foo",
            "read",
            "-h",
            "control help",
            "write /a v",
            "read -p /a",
            "read -x /a",
            "ls -h",
            "ls -f",
            "exists -h",
            "list -h",
            "chmod -h",
            "rm -h",
            "watch -h",
            "write -h",
            "watch -n 1 /a",
            "rm /a",
        ] {
            let words: Vec<_> = step
                .split(' ')
                .filter(|w| !w.is_empty())
                .map(str::as_bytes)
                .collect();
            pair.same("xenstore", &words);
        }
    });
}

#[test]
fn options_end_at_the_first_operand_where_posix_wants_it() {
    for_each_pair(|pair| {
        pair.same("xenstore-write", &[b"/dash", b"v"]);
        let run = |side| {
            let mut command = pair.tool(side, "xenstore-read");
            Seen::of(command.env("POSIXLY_CORRECT", "1").args(["/dash", "-p"]))
        };
        assert_eq!(run(Side::Ours), run(Side::Theirs), "{}", pair.kind);
    });
}

#[test]
fn control_answers_as_the_original_does() {
    for_each_pair(|pair| {
        if super::requires_tool("xenstore-control").is_none() {
            return;
        }
        for step in [
            "",
            "help",
            "nope",
            "check",
            "quota",
            "quota 0",
            "quota set nodes 900",
            "quota nonsense words here",
            "print hello",
            "log on",
            "logfile",
            "live-update",
            "live-update -c",
            "live-update -t",
            "live-update -F",
            "live-update /nonexistent/binary",
            "live-update -t 1 -c line /nonexistent/binary",
        ] {
            let words: Vec<_> = step
                .split(' ')
                .filter(|w| !w.is_empty())
                .map(str::as_bytes)
                .collect();
            pair.same("xenstore-control", &words);
        }
    });
}

#[test]
fn a_reader_that_had_enough_ends_ls_as_it_ends_the_original() {
    for_each_pair(|pair| {
        for node in 0..40 {
            let path = format!("/many/{node}");
            let value = vec![b'v'; 2000];
            for side in [Side::Theirs, Side::Ours] {
                let mut write = pair.tool(side, "xenstore-write");
                let value = String::from_utf8(value.clone()).unwrap();
                assert_eq!(Seen::of(write.args([&path, &value])).code, Some(0));
            }
        }
        let run = |side| {
            let mut command = pair.tool(side, "xenstore-ls");
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut child = command
                .args(["-f", "/many"])
                .stdout(writer)
                .spawn()
                .unwrap();
            drop(command);
            std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap())
        };
        assert_eq!(run(Side::Ours), run(Side::Theirs), "{}", pair.kind);
        assert_eq!(run(Side::Ours), Some(13));
    });
}
