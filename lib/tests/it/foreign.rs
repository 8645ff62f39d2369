//! Xen's own programs against our store: they behave as they do against the C daemon.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use xenbus_harness::{Daemon, Kind, requires_tool};

use crate::support::{Life, PATIENCE, Store};

/// What a program did.
#[derive(Eq, PartialEq)]
struct Outcome {
    status: String,
    output: Vec<u8>,
    errors: String,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = self
            .output
            .escape_ascii()
            .to_string()
            .replace("\\n", "\n    ");
        write!(f, "{}\n    {output}\n  {}", self.status, self.errors)
    }
}

/// Both stores, or a visible skip.
fn stores(tools: &[&str]) -> Option<[Store; 2]> {
    for tool in tools {
        requires_tool(tool)?;
    }
    let daemon = xenbus_harness::available()
        .contains(&Kind::C)
        .then(|| Daemon::start(Kind::C))?;
    Some([Store::Real(daemon), Store::embedded()])
}

fn command(socket: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(requires_tool(line[0]).unwrap());
    command
        .args(&line[1..])
        .env("XENSTORED_PATH", socket)
        .env("XENSTORED_RUNDIR", socket.parent().unwrap())
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn run(store: &Store, line: &[&str]) -> Outcome {
    let output = command(store.socket(), line).output().unwrap();
    Outcome {
        status: output.status.to_string(),
        output: output.stdout,
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the same on both stores, the one after the other, and compares.
fn same(stores: &[Store; 2], line: &[&str]) -> Outcome {
    let [daemon, ours] = stores.each_ref().map(|store| run(store, line));
    assert_eq!(daemon, ours, "{line:?} against C and against our store");
    ours
}

#[test]
fn the_daemons_own_test_program_passes_completely() {
    let Some(stores) = stores(&["test-xenstore"]) else {
        return;
    };
    let [daemon, ours] = stores.each_ref().map(|store| {
        let outcome = run(store, &["test-xenstore", "-i", "3"]);
        assert_eq!(outcome.status, "exit status: 0", "{outcome:?}");
        // `name : avg: … ns` for every test that passed.
        let said = String::from_utf8(outcome.output).unwrap();
        said.lines()
            .map(|line| line.split_once(": avg: ").unwrap().0.trim().to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(daemon, ours);
    assert!(ours.len() >= 12, "{ours:?}");
}

#[test]
fn the_command_line_tools_do_the_same_as_with_the_c_daemon() {
    let tools = [
        "xenstore-ls",
        "xenstore-list",
        "xenstore-read",
        "xenstore-write",
        "xenstore-exists",
        "xenstore-chmod",
        "xenstore-rm",
    ];
    let Some(stores) = stores(&tools) else { return };
    for store in &stores {
        for domid in [1, 2, 3, 5] {
            store.set_domain(domid, Life::Running);
        }
    }
    let long = "x".repeat(4085);
    let longer = "x".repeat(4090);
    let deep = "/d".repeat(200);
    let lines: Vec<Vec<&str>> = vec![
        vec!["ls"],
        vec!["ls", "-f"],
        vec!["ls", "-f", "-p"],
        vec!["write", "/a", "value"],
        vec!["write", "/a/b/c", "deep", "/a/b/d", "second"],
        vec!["write", "/a/empty", ""],
        vec!["write", "/a/quote", "say \"hi\" \\ there"],
        vec!["write", "/a/lines", "one\ntwo\ttab"],
        vec!["write", "/a/escape", "\u{1b}[31mred\u{7f}"],
        vec!["write", "/a/utf8", "\u{e9}\u{20ac}"],
        vec!["write", "/a/odd"],
        vec!["write"],
        vec!["write", "/a/one", "1", "/a/two"],
        vec!["write", "relative", "below the home"],
        vec!["write", "relative/x", "y"],
        vec!["write", "/bad path", "v"],
        vec!["write", "/bad.dot", "v"],
        vec!["write", "/trailing/", "v"],
        vec!["write", "//", "v"],
        vec!["write", "", "v"],
        vec!["write", "@releaseDomain", "v"],
        vec!["write", "/first", "ok", "/bad bad", "v"],
        vec!["write", "/long", &long],
        vec!["write", "/longer", &longer],
        vec!["write", &deep, "bottom"],
        vec!["write", "-R", "/raw", "\\x41\\x00\\xff\\n\\\\end"],
        vec!["write", "-R", "/rawbad", "\\xzz"],
        vec!["write", "-s", "/socket", "v"],
        vec!["read", "/a"],
        vec!["read", "-p", "/a", "/a/b/c"],
        vec!["read", "/a/b/c", "/a/b/d"],
        vec!["read", "/raw"],
        vec!["read", "-R", "/raw"],
        vec!["read", "-p", "-R", "/raw", "/a/lines"],
        vec![
            "read",
            "/a/quote",
            "/a/lines",
            "/a/escape",
            "/a/utf8",
            "/a/empty",
        ],
        vec!["read", "/long"],
        vec!["read", "/nosuch"],
        vec!["read", "/a", "/nosuch", "/a/b/c"],
        vec!["read", "/bad path"],
        vec!["read", "relative"],
        vec!["read", "/local/domain/0/relative/x"],
        vec!["read", "@introduceDomain"],
        vec!["read"],
        vec!["list", "/"],
        vec!["list", "/a"],
        vec!["list", "-p", "/a"],
        vec!["list", "/a/b/c"],
        vec!["list", "/nosuch"],
        vec!["list", "/a", "/tool"],
        vec!["list", "-p", "/a", "/nosuch"],
        vec!["list", "relative"],
        vec!["list", "-s", "/a"],
        vec!["exists", "/a"],
        vec!["exists", "/nosuch"],
        vec!["exists", "/a", "/nosuch"],
        vec!["exists", "/bad path"],
        vec!["exists"],
        vec!["chmod", "/a", "n0"],
        vec!["chmod", "/a", "n1", "r2", "b3"],
        vec!["chmod", "/a", "r5"],
        vec!["chmod", "-r", "/a/b", "w2", "r0"],
        vec!["chmod", "-u", "/a/b/c", "b0"],
        vec!["chmod", "/a", "x0"],
        vec!["chmod", "/a", "n77"],
        vec!["chmod", "/a", "n0", "r77"],
        vec!["chmod", "/a", "n"],
        vec!["chmod", "/a", "nabc"],
        vec!["chmod", "/nosuch", "n0"],
        vec!["chmod", "/a"],
        vec![
            "chmod", "/a/b", "n0", "r1", "r2", "r3", "r5", "b1", "b2", "w3",
        ],
        vec!["ls"],
        vec!["ls", "-f"],
        vec!["ls", "-p"],
        vec!["ls", "-f", "-p"],
        vec!["ls", "-fp", "/a"],
        vec!["ls", "-s", "-f"],
        vec!["ls", "/a/b"],
        vec!["ls", "/nosuch"],
        vec!["ls", "/bad path"],
        vec!["ls", "-f", "relative"],
        vec!["ls", "/a", "/a/b"],
        vec!["rm", "/a/b/c"],
        vec!["rm", "/a/b/c"],
        vec!["rm", "/nosuch/x"],
        vec!["rm", "/nosuch"],
        vec!["rm", "/"],
        vec!["rm", "/a/quote", "/a/lines"],
        vec!["rm", "/bad path"],
        vec!["rm", "@releaseDomain"],
        vec!["rm", "-t", "/a/b/d"],
        vec!["rm", "-t", &deep],
        vec!["rm"],
        vec!["exists", "/d"],
        vec!["ls", "-f", "-p"],
        vec!["rm", "/a"],
        vec!["rm", "relative", "/long", "/raw", "/socket", "/first"],
        vec!["ls", "-f", "-p"],
    ];
    let mut succeeded = 0;
    for line in &lines {
        let tool = format!("xenstore-{}", line[0]);
        let line: Vec<&str> = [&[&tool[..]], &line[1..]].concat();
        let outcome = same(&stores, &line);
        succeeded += usize::from(outcome.status == "exit status: 0");
    }
    // Otherwise they only agree in failing.
    assert!(succeeded > 45, "{succeeded} of {}", lines.len());
}

#[test]
fn big_directories_are_listed_in_parts_with_the_same_result() {
    let Some(stores) = stores(&["xenstore-write", "xenstore-ls", "xenstore-list"]) else {
        return;
    };
    let nodes: Vec<String> = (0..400)
        .map(|n| format!("/big/child-number-{n:04}"))
        .collect();
    for chunk in nodes.chunks(50) {
        let mut line = vec!["xenstore-write"];
        for node in chunk {
            line.extend([&node[..], "v"]);
        }
        same(&stores, &line);
    }
    let listed = same(&stores, &["xenstore-list", "/big"]);
    assert_eq!(
        String::from_utf8(listed.output).unwrap().lines().count(),
        400
    );
    same(&stores, &["xenstore-ls", "-f", "-p", "/big"]);
}

#[test]
fn the_control_program_gets_the_same_answers() {
    let Some(stores) = stores(&["xenstore-control"]) else {
        return;
    };
    for line in [
        &["check"][..],
        &["print", "hello"],
        &["quota"],
        &["quota", "set", "nodes", "2000"],
        &["quota"],
    ] {
        same(&stores, &[&["xenstore-control"], line].concat());
    }
    // Followed by the list of commands, which is shorter with us: there is no live update of a library.
    for line in [&["nonsense"][..], &["quota", "set", "bogus", "1"]] {
        let [daemon, ours] = stores.each_ref().map(|store| {
            let outcome = run(store, &[&["xenstore-control"], line].concat());
            let first = outcome.errors.lines().next().map(str::to_owned);
            (outcome.status, first)
        });
        assert_eq!(daemon, ours);
        assert_eq!(ours.0, "exit status: 3");
    }
}

#[test]
fn a_watching_program_sees_the_same_events() {
    let Some(stores) = stores(&["xenstore-watch", "xenstore-write", "xenstore-rm"]) else {
        return;
    };
    let [daemon, ours] = stores.each_ref().map(watch);
    assert_eq!(daemon, ours);
    assert_eq!(
        ours.1,
        ["/w", "/other", "/w/a", "/w", "/w/b/c", "/other/x", "/w/a"]
    );
    for line in [
        &["xenstore-watch"][..],
        &["xenstore-watch", "/bad path"],
        &["xenstore-watch", "-n", "1", "/w"],
        &["xenstore-watch", "-n", "2", "/w", "@introduceDomain"],
    ] {
        same(&stores, line);
    }
}

/// Watches two paths, makes changes one after the other, and returns the program's end and what it printed.
fn watch(store: &Store) -> (String, Vec<String>) {
    let line = ["xenstore-watch", "-n", "7", "/w", "/other"];
    let mut watcher = Watcher::start(command(store.socket(), &line));
    let mut seen = vec![watcher.line(), watcher.line()];
    for change in [
        &["xenstore-write", "/w/a", "v"][..],
        &["xenstore-write", "/w", "v"],
        &["xenstore-write", "/w/b/c", "v"],
        &["xenstore-write", "/other/x", "v"],
        &["xenstore-rm", "/w/a"],
    ] {
        run(store, change);
        seen.push(watcher.line());
    }
    let status = watcher.program.wait().unwrap();
    (status.to_string(), seen)
}

/// A program whose output is read line by line.
struct Watcher {
    program: Child,
    lines: mpsc::Receiver<String>,
}

impl Watcher {
    fn start(mut command: Command) -> Self {
        let mut program = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                drop(sender.send(line.unwrap()));
            }
        });
        Self { program, lines }
    }

    fn line(&mut self) -> String {
        if let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            return line;
        }
        drop(self.program.kill());
        let mut errors = String::new();
        let stderr = self.program.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        panic!("no line: {errors}");
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}
