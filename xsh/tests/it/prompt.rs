//! The prompt on a terminal.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, StorePath};

use crate::process::Serve;
use crate::terminal::Terminal;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_U: &str = "\x15";
const TAB: &str = "\t";
const RIGHT: &str = "\x1b[C";
const UP: &str = "\x1b[A";

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

fn client(serve: &Serve) -> Client {
    let address = Address::Unix(serve.socket().into());
    let mut options = ClientOptions::default();
    // Thousands of requests at once, on a machine that may be busy.
    options.timeout = Duration::from_mins(1);
    Client::connect(&address, options).unwrap()
}

fn started(serve: &Serve) -> Terminal {
    let terminal = Terminal::start(serve.socket(), &[]);
    terminal.wait_for_line("xsh /#");
    terminal
}

#[test]
fn paths_options_and_words_are_completed_from_the_live_store() {
    let serve = Serve::start(&["--demo=quiet"]);
    let mut terminal = started(&serve);
    for (typed, completed) in [
        ("ls /lo", "xsh /# ls /local/"),
        ("cat /local/domain/1/na", "xsh /# cat /local/domain/1/name"),
        ("cat @1/na", "xsh /# cat @1/name"),
        ("cat '@1/na", "xsh /# cat '@1/name'"),
        ("ls ~/na", "xsh /# ls ~/name"),
        ("ls --rec", "xsh /# ls --recursive"),
        ("ls -o jsonl", "xsh /# ls -o jsonl"),
        ("set-option out", "xsh /# set-option output"),
        ("mkd", "xsh /# mkdir"),
    ] {
        terminal.keys(&format!("{typed}{TAB}"));
        terminal.wait(completed, |screen| {
            let (row, _) = screen.cursor_position();
            screen
                .rows(0, 80)
                .nth(row.into())
                .unwrap()
                .starts_with(completed)
        });
        terminal.keys(CTRL_U);
        terminal.wait_for_line("xsh /#");
    }
    // Relative to where we are, and what others made a moment ago.
    terminal.line("cd @1/data");
    terminal.wait_for_line("xsh /local/domain/1/data#");
    client(&serve)
        .write(&path("/local/domain/1/data/fresh-node"), b"1")
        .unwrap();
    terminal.keys(&format!("cat fre{TAB}"));
    terminal.wait("the new node", |screen| {
        screen.contents().contains("# cat fresh-node")
    });
}

#[test]
fn hints_show_the_synopsis_the_history_and_the_current_value() {
    let serve = Serve::start(&[]);
    client(&serve).write(&path("/a"), b"old value").unwrap();
    let mut terminal = started(&serve);
    terminal.keys("cp ");
    terminal.wait_for_line("xsh /# cp [OPTIONS] PATH... TARGET");
    terminal.keys(CTRL_U);
    // The value is asked for while the path is typed.
    terminal.keys("set /a");
    terminal.wait_for_line("xsh /# set /a");
    terminal.wait_for("set /a");
    terminal.press_until(" \x7f ", "the value that is there", |screen| {
        screen.contents().contains("'old value'")
    });
    terminal.keys(RIGHT);
    terminal.keys("\r");
    terminal.line("echo remembered");
    terminal.wait_for("\nremembered");
    terminal.keys("echo re");
    terminal.wait_for_line("xsh /# echo remembered");
    terminal.keys(&format!("{RIGHT}\r"));
    terminal.wait("it twice", |screen| {
        screen.contents().matches("\nremembered").count() == 2
    });
}

#[test]
fn words_have_the_colour_of_what_they_mean() {
    let serve = Serve::start(&["--demo=quiet"]);
    let mut terminal = started(&serve);
    terminal.keys("nosuch /local");
    terminal.wait_for("nosuch /local");
    assert_eq!(terminal.color_of("nosuch"), Some(vt100::Color::Idx(1)));
    terminal.keys(CTRL_U);
    terminal.keys("tree /local ");
    terminal.wait_for("tree /local");
    assert_eq!(terminal.color_of("tree"), Some(vt100::Color::Idx(2)));
    // What exists is coloured once it is known.
    let is_blue = |screen: &vt100::Screen| {
        let (row, _) = screen.cursor_position();
        let at = "xsh /# tree ".len().try_into().unwrap();
        screen.cell(row, at).unwrap().fgcolor() == vt100::Color::Idx(4)
    };
    terminal.press_until("x\x7f", "a colour of the path", is_blue);
    // Nothing is coloured where the user does not want it.
    let mut plain = Terminal::start_with(serve.socket(), &[], &[("NO_COLOR", "1")], (24, 80));
    plain.keys("nosuch x");
    plain.wait_for("nosuch x");
    assert_eq!(plain.color_of("nosuch"), Some(vt100::Color::Default));
}

#[test]
fn an_open_quote_or_block_goes_on_in_the_next_line() {
    let serve = Serve::start(&[]);
    let mut terminal = started(&serve);
    terminal.line("tx {");
    terminal.line("set /a 'one");
    terminal.line("two'");
    terminal.line("set /b 2");
    terminal.line("}; cat /a");
    terminal.wait_for("one\\ntwo");
    assert_eq!(client(&serve).read(&path("/b")).unwrap(), b"2");
}

#[test]
fn events_appear_above_the_line_that_is_typed() {
    let serve = Serve::start(&[]);
    let client = client(&serve);
    let mut terminal = started(&serve);
    terminal.line("watch /w");
    terminal.wait_for("[1] watching /w");
    terminal.keys("echo half a li");
    terminal.wait_for_line("xsh /# echo half a li");
    client.write(&path("/w"), b"1").unwrap();
    terminal.wait_for("added    /w = \"1\"");
    terminal.wait_for_line("xsh /# echo half a li");
    client.write(&path("/w"), b"\x1b[31m").unwrap();
    terminal.wait_for("changed  /w = \"1\" -> \"\\x1b[31m\"");
    client.rm(&path("/w")).unwrap();
    terminal.wait_for("removed  /w");
    terminal.keys("ne\r");
    terminal.wait_for("\nhalf a line");
    terminal.line("watches");
    terminal.wait_for("NUMBER");
    terminal.line("unwatch /w");
    terminal.line("watches");
    terminal.line("echo '*'end");
    terminal.wait_for("\n*end");
    assert!(!terminal.text().contains("there is no watch"));
}

#[test]
fn typing_and_completion_work_in_a_storm_of_events() {
    let serve = Serve::start(&[]);
    let client = client(&serve);
    let nodes = if std::env::var_os("XENBUS_LONG").is_some() {
        100_000
    } else {
        10_000
    };
    client.write(&path("/storm/target"), b"").unwrap();
    let mut terminal = started(&serve);
    terminal.line("watch /storm");
    terminal.wait_for("[1] watching /storm");
    let storm = std::thread::spawn(move || {
        for chunk in 0..nodes / 100 {
            let answers: Vec<_> = (0..100)
                .map(|at| {
                    let node = path(&format!("/storm/{}", at % 50));
                    client.submit_write(&node, format!("{chunk}-{at}").as_bytes())
                })
                .collect();
            for answer in answers {
                answer.wait().unwrap();
            }
        }
    });
    // Key by key, with the store asked in between.
    let mut typed = String::from("xsh /#");
    for key in ["e", "c", "h", "o", " ", "-", "-", " ", "x"] {
        terminal.keys(key);
    }
    typed += " echo -- x";
    terminal.wait_for_line(&typed);
    terminal.keys(CTRL_U);
    terminal.keys("cat /storm/tar");
    terminal.press_until(TAB, "the only candidate", |screen| {
        let (row, _) = screen.cursor_position();
        let line = screen.rows(0, 80).nth(row.into()).unwrap();
        line.starts_with("xsh /# cat /storm/target")
    });
    terminal.keys(CTRL_U);
    terminal.line("unwatch -a");
    terminal.press_until("echo calm again\r", "the answer", |screen| {
        screen.contents().contains("\ncalm again")
    });
    storm.join().unwrap();
}

#[test]
fn ctrl_c_ends_the_line_or_the_command_and_never_the_shell() {
    let serve = Serve::start(&[]);
    let mut terminal = started(&serve);
    terminal.keys("echo never");
    terminal.wait_for_line("xsh /# echo never");
    terminal.keys(CTRL_C);
    terminal.wait_for_line("xsh /#");
    for (line, busy) in [
        ("wait /never", "wait /never"),
        ("watch -w /never", "watch -w /never"),
        ("repeat 1000000 -i 100 echo tick", "\ntick"),
        ("!sleep 100", "!sleep 100"),
        ("echo x | (cat; sleep 100)", "\nx"),
    ] {
        terminal.line(line);
        terminal.wait_for(busy);
        // A key that comes before the command has begun is the line editor's.
        terminal.press_until(CTRL_C, "the prompt", |screen| {
            screen.contents().trim_end().ends_with("\nxsh /#")
        });
        terminal.line("clear-marker-$?");
        terminal.wait_for("clear-marker-130");
        terminal.wait_for_line("xsh /#");
        terminal.keys("\x0c");
        terminal.wait("a clear screen", |screen| {
            !screen.contents().contains("marker")
        });
    }
}

#[test]
fn ctrl_c_stops_a_command_that_waits_for_a_daemon_that_hangs() {
    xenbus_harness::for_each_daemon(|daemon| {
        let mut terminal = Terminal::start(daemon.socket(), &["--timeout", "600"]);
        terminal.wait_for_line("xsh /#");
        daemon.pause();
        terminal.line("cat /tool");
        // The line for hints may be waiting as well, and be given up with the command's: then it says "not connected".
        terminal.press_until(CTRL_C, "the prompt", |screen| {
            let text = screen.contents();
            text.contains("cat /tool") && text.trim_end().ends_with(" /#")
        });
        daemon.resume();
        terminal.press_until("set /x 1; cat /x\r", "the value", |screen| {
            screen.contents().contains("\n1")
        });
    });
}

#[test]
fn ctrl_d_leaves_but_warns_once_of_an_open_transaction() {
    let serve = Serve::start(&[]);
    let mut terminal = started(&serve);
    terminal.line("tx begin");
    terminal.wait("the transaction", |screen| {
        screen.contents().contains("xsh [tx ")
    });
    terminal.line("set /a 1");
    terminal.wait_for(" *1] /#");
    terminal.keys(CTRL_D);
    // Between two prompts the key would be the terminal's.
    terminal.wait("the warning and the next prompt", |screen| {
        let text = screen.contents();
        text.contains("gives it up\nxsh [tx ") && text.trim_end().ends_with(" *1] /#")
    });
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
    assert!(!client(&serve).exists(&path("/a")).unwrap());
    let mut terminal = started(&serve);
    terminal.line("exit 3");
    assert_eq!(terminal.end(), 3);
}

#[test]
fn ctrl_z_stops_the_shell_and_it_goes_on() {
    let serve = Serve::start(&[]);
    let mut terminal = started(&serve);
    terminal.line("!kill -STOP $PPID & sleep 0.1; kill -CONT $PPID; echo back");
    terminal.wait_for("\nback");
    terminal.wait_for_line("xsh /#");
}

#[test]
fn a_lost_store_is_said_and_place_and_watches_are_kept() {
    let directory = tempfile::Builder::new().prefix("xsh-").tempdir().unwrap();
    let socket = directory.path().join("s");
    let start = || Serve::start_at(&socket, &[]);
    let serve = start();
    client(&serve).write(&path("/here/x"), b"1").unwrap();
    let mut terminal = started(&serve);
    terminal.line("cd /here");
    terminal.line("watch .");
    terminal.wait_for("[1] watching /here");
    drop(serve);
    terminal.wait_for("was lost");
    terminal.line("cat x");
    terminal.wait_for("cannot connect");
    terminal.wait_for_line("xsh [not connected] /here#");
    let serve = start();
    client(&serve).write(&path("/here/x"), b"2").unwrap();
    terminal.wait_for("watches are set again");
    terminal.line("cat x; pwd");
    terminal.wait_for("\n2");
    terminal.wait_for("\n/here");
    terminal.wait_for_line("xsh /here#");
    client(&serve).write(&path("/here/x"), b"3").unwrap();
    terminal.wait_for("changed  /here/x = \"2\" -> \"3\"");
}

#[test]
fn history_is_private_shared_and_leaves_out_what_begins_with_a_space() {
    let serve = Serve::start(&[]);
    let mut terminal = started(&serve);
    terminal.line("echo first");
    terminal.wait_for("\nfirst");
    terminal.line(" echo secret");
    terminal.wait_for("\nsecret");
    let file = terminal.home().join(".local/state/xsh/history");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("echo first") && !text.contains("secret"),
        "{text}"
    );
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    terminal.keys(UP);
    terminal.wait_for_line("xsh /# echo first");
    terminal.keys(CTRL_U);
    terminal.line("history -c");
    terminal.wait_for_line("xsh /#");
    terminal.line("echo '*'gone");
    terminal.wait_for("\n*gone");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("first"), "{text}");
}

#[test]
fn it_works_on_a_dumb_terminal_a_narrow_one_and_after_a_change_of_size() {
    let serve = Serve::start(&["--demo=quiet"]);
    let mut dumb = Terminal::start_with(serve.socket(), &[], &[("TERM", "dumb")], (24, 80));
    dumb.wait_for("xsh /#");
    dumb.line("cat @1/name");
    dumb.wait_for("\nguest");
    dumb.keys(CTRL_D);
    assert_eq!(dumb.end(), 0);
    let mut narrow = Terminal::start_with(serve.socket(), &[], &[], (24, 20));
    narrow.wait_for("xsh /#");
    narrow.line("cd @1/device/vbd");
    narrow.wait_for("vbd#");
    narrow.line("pwd");
    narrow.wait_for("1/device/vbd");
    let mut terminal = started(&serve);
    terminal.resize(10, 40);
    terminal.line("ls @1");
    terminal.wait_for("device/");
    assert!(terminal.text().lines().all(|line| line.len() <= 40));
}

#[test]
fn long_output_goes_through_the_pager_and_short_output_does_not() {
    let serve = Serve::start(&["--demo=quiet"]);
    let pager = [("PAGER", "sed 's/^/paged: /' | head -n 3")];
    let mut terminal = Terminal::start_with(serve.socket(), &[], &pager, (24, 80));
    terminal.wait_for_line("xsh /#");
    terminal.line("ls -R /local");
    terminal.wait_for("paged: /local/domain");
    terminal.wait_for_line("xsh /#");
    terminal.line("cat @1/name");
    terminal.wait_for("\nguest");
    terminal.line("set-option pager off");
    terminal.line("ls -R /local | tail -n 1 | sed 's/^/last: /'");
    terminal.wait_for("last: /local/pool");
}

#[test]
fn who_is_asked_before_nodes_go_can_say_no() {
    let serve = Serve::start(&[]);
    client(&serve).write(&path("/doomed/x"), b"1").unwrap();
    let mut terminal = started(&serve);
    terminal.line("rm -r /doomed");
    terminal.wait_for("Remove /doomed and all below it? [y/N]");
    terminal.line("n");
    terminal.wait_for("nothing was done");
    assert!(client(&serve).exists(&path("/doomed/x")).unwrap());
    terminal.line("rm -r /doomed");
    terminal.wait("the second question", |screen| {
        screen.contents().matches("[y/N]").count() == 2
    });
    terminal.line("y");
    terminal.wait_for_line("xsh /#");
    assert!(!client(&serve).exists(&path("/doomed")).unwrap());
}

#[test]
fn completion_in_a_directory_of_ten_thousand_is_in_time() {
    let serve = Serve::start(&[]);
    let client = client(&serve);
    let answers: Vec<_> = (0..10_000)
        .map(|at| client.submit_write(&path(&format!("/many/node-{at:05}")), b""))
        .collect();
    for answer in answers {
        answer.wait().unwrap();
    }
    let mut terminal = started(&serve);
    terminal.keys(&format!("cat /many/node-0999{TAB}"));
    // The deadline may pass the first time on a busy machine; the answer is kept then.
    terminal.press_until(TAB, "the candidates", |screen| {
        screen.contents().contains("node-09999")
    });
}
