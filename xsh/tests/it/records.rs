//! `proxy` and `monitor`.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use xenbus::address::Address;
use xenbus::{Client, ClientOptions, Operations as _, StorePath};

use crate::stores::{Store, for_each_store};

/// A proxy in front of a store.
struct Proxy {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    socket: std::path::PathBuf,
    _directory: tempfile::TempDir,
}

impl Proxy {
    fn start(store: &Store, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("proxy");
        let mut command = store.xsh(&[]);
        command
            .args(["-o", "jsonl", "proxy"])
            .args(options)
            .arg(&socket);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = said.next().unwrap().unwrap();
        assert!(line.starts_with("recording on"), "{line}");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            socket,
            _directory: directory,
        }
    }

    fn next(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    fn client(&self) -> Client {
        let address = Address::Unix(self.socket.clone());
        Client::connect(&address, ClientOptions::default()).unwrap()
    }

    fn end(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        assert!(!self.socket.exists(), "its socket is left");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn tool(name: &str, arguments: &[&str], socket: &Path) -> Option<std::process::Output> {
    let program = xenbus_harness::requires_tool(name)?;
    let mut command = Command::new(program);
    Some(
        command
            .args(arguments)
            .env("XENSTORED_PATH", socket)
            .output()
            .unwrap(),
    )
}

#[test]
fn a_proxy_passes_everything_on_and_tells_it() {
    for_each_store(|store| {
        let mut proxy = Proxy::start(store, &[]);
        let Some(written) = tool("xenstore-write", &["/p/a", "v\\x1b\\xff"], &proxy.socket) else {
            return;
        };
        assert!(written.status.success());
        let opened = proxy.next();
        assert_eq!(
            (&opened["kind"], &opened["program"]),
            (&"opened".into(), &"xenstore-write".into())
        );
        let request = proxy.next();
        assert_eq!(
            (&request["kind"], &request["op"]),
            (&"request".into(), &"WRITE".into())
        );
        // "/p/a\0v\x1b\xff" is no text.
        assert_eq!(request["payload-base64"], "L3AvYQB2G/8=");
        let reply = proxy.next();
        assert_eq!(
            (&reply["kind"], &reply["path"]),
            (&"reply".into(), &"/p/a".into())
        );
        assert!(reply["micros"].is_u64());
        assert_eq!(proxy.next()["kind"], "closed");
        let direct = tool("xenstore-read", &["/p/a"], store.socket()).unwrap();
        let through = tool("xenstore-read", &["/p/a"], &proxy.socket).unwrap();
        assert_eq!(direct.stdout, through.stdout);
        let missing = tool("xenstore-read", &["/nope"], &proxy.socket).unwrap();
        assert_eq!(missing.status.code(), Some(1));
        let error = loop {
            let line = proxy.next();
            // oxenstored knows no children of /p yet.
            if line["op"] == "ERROR" && line["payload"] == "ENOENT\0" {
                break line;
            }
        };
        assert_eq!(
            (&error["path"], &error["payload"]),
            (&"/nope".into(), &"ENOENT\0".into())
        );
        proxy.end();
    });
}

#[test]
fn large_trees_many_clients_and_watches_go_through_a_proxy_unchanged() {
    for_each_store(|store| {
        let mut proxy = Proxy::start(store, &[]);
        let client = proxy.client();
        let path = |text: &str| StorePath::parse(text).unwrap();
        let watch = client.watch(&path("/many")).unwrap();
        assert_eq!(watch.next().unwrap(), xenbus::WatchEvent::Initial);
        let pending: Vec<_> = (0..2000)
            .map(|node| {
                let path = path(&format!("/many/d{}/n{node}", node % 20));
                client.submit_write(&path, &vec![b'x'; 1000])
            })
            .collect();
        for answer in pending {
            answer.wait().unwrap();
        }
        let mut events = 0;
        while events < 2000 {
            assert!(matches!(
                watch.next().unwrap(),
                xenbus::WatchEvent::Changed(_)
            ));
            events += 1;
        }
        let others: Vec<_> = (0..50).map(|_| proxy.client()).collect();
        for other in &others {
            assert_eq!(other.read(&path("/many/d0/n0")).unwrap().len(), 1000);
        }
        let direct = store.does("export /many");
        let through = store.run_with(&["export", "/many"], |command| {
            command.env("XENSTORED_PATH", &proxy.socket);
        });
        assert!(through.1 == direct, "a proxied export differs");
        // A client that sends nonsense and goes is its own affair.
        drop(UnixStream::connect(&proxy.socket).unwrap());
        assert_eq!(
            proxy.client().read(&path("/many/d0/n0")).unwrap().len(),
            1000
        );
        assert_eq!(proxy.next()["kind"], "opened");
        proxy.end();
    });
}

#[test]
fn a_reader_that_stops_reading_holds_nobody_up_and_losses_are_counted() {
    let store = Store::Embedded(crate::process::Serve::start(&[]));
    let mut proxy = Proxy::start(&store, &[]);
    let client = proxy.client();
    let path = StorePath::parse("/p").unwrap();
    // More than the pipe, the output and the queue hold, while nobody reads.
    for _ in 0..60 {
        let pending: Vec<_> = (0..2000).map(|_| client.submit_read(&path)).collect();
        for answer in pending {
            drop(answer.wait());
        }
    }
    drop(client);
    let mut told = 0;
    let dropped = loop {
        let line = proxy.next();
        match line["kind"].as_str().unwrap() {
            "dropped" => break line["count"].as_u64().unwrap(),
            _ => told += 1,
        }
    };
    assert!(
        dropped > 1000 && told > 1000,
        "{told} told, {dropped} dropped"
    );
    proxy.end();
}

#[test]
fn a_proxy_says_why_it_cannot_start() {
    let store = Store::Embedded(crate::process::Serve::start(&[]));
    let own = store.socket().to_str().unwrap().to_owned();
    let (code, _, said) = store.run(&["proxy", &own]);
    assert!(
        code == Some(5) && said.contains("another process"),
        "{said}"
    );
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("p");
    let socket = socket.to_str().unwrap();
    let (code, _, said) = store.run_with(&["proxy", socket], |command| {
        command.env("XENSTORED_PATH", "/nonexistent/store");
    });
    assert!(code == Some(5) && said.contains("nonexistent"), "{said}");
    let (code, _, _) = store.run(&["proxy", "-t", "0.1", socket]);
    assert_eq!(code, Some(0));
    assert_eq!(store.run(&["proxy"]).0, Some(2));
}

#[test]
fn a_monitor_shows_what_a_command_asks() {
    for_each_store(|store| {
        store.does("set /m/a v");
        let (code, stdout, said) = store.run(&["monitor", "cat", "/m/a"]);
        assert_eq!((code, stdout.as_str()), (Some(0), "v\n"));
        let lines: Vec<_> = said
            .lines()
            .map(|line| line.split_once(' ').unwrap().1)
            .collect();
        assert_eq!(lines[0], "c1   > READ /m/a");
        assert!(
            lines[1].starts_with("c1   < READ \"v\"  ") && lines.len() == 2,
            "{said}"
        );
        let (code, _, said) = store.run(&["-c", "monitor on; set /m/a w; monitor off; cat /m/a"]);
        assert_eq!(code, Some(0));
        assert!(
            said.contains("> WRITE /m/a \"w\"") && !said.contains("\"w\"  "),
            "{said}"
        );
        let (code, _, said) = store.run(&["-c", "monitor { tx { set /m/b 1 } }"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("> TRANSACTION_END T"), "{said}");
        let (code, _, said) = store.run(&["-c", "tx begin; monitor on"]);
        assert!(
            code == Some(2) && said.contains("transaction is open"),
            "{said}"
        );
    });
}
