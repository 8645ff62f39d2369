use super::*;

const TRANSACTION_START: u32 = 6;
const WRITE: u32 = 11;

#[test]
fn a_daemon_answers_restarts_empty_and_leaves_nothing_behind() {
    for_each_daemon(|daemon| {
        let mut raw = daemon.raw().unwrap();
        raw.request(WRITE, b"/a\0value").unwrap();
        assert_eq!(raw.request(raw::READ, b"/a\0").unwrap(), b"value");
        let first = daemon.pid();
        daemon.restart();
        assert_ne!(daemon.pid(), first);
        assert!(
            raw.request(raw::READ, b"/a\0").is_err(),
            "the old connection"
        );
        let mut raw = daemon.raw().unwrap();
        let error = raw.request(raw::READ, b"/a\0").unwrap_err();
        assert_eq!(error.to_string(), "ENOENT");
        daemon.kill();
        assert!(daemon.socket().exists() && daemon.raw().is_err());
    });
    for kind in available() {
        let daemon = Daemon::start(kind);
        let (directory, pid) = (daemon.run.path().to_owned(), daemon.pid().unwrap());
        // oxenstored does not end by itself while this is open.
        let mut raw = daemon.raw().unwrap();
        raw.request(TRANSACTION_START, b"\0").unwrap();
        drop(daemon);
        assert!(!directory.exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn many_daemons_run_at_once_each_with_its_own_store() {
    let daemons: Vec<Daemon> = available()
        .into_iter()
        .flat_map(|kind| [kind; 4])
        .map(Daemon::start)
        .collect();
    for (number, daemon) in daemons.iter().enumerate() {
        let value = format!("/own\0{number}");
        daemon
            .raw()
            .unwrap()
            .request(WRITE, value.as_bytes())
            .unwrap();
    }
    for (number, daemon) in daemons.iter().enumerate() {
        let value = daemon.raw().unwrap().request(raw::READ, b"/own\0").unwrap();
        assert_eq!(value, number.to_string().as_bytes());
    }
}

#[test]
fn a_paused_daemon_is_silent_until_it_is_resumed() {
    for_each_daemon(|daemon| {
        let brief = Duration::from_millis(100);
        let mut raw = Raw::connect(daemon.socket(), brief).unwrap();
        daemon.pause();
        let error = raw.request(raw::READ, b"/\0").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        daemon.resume();
        daemon.raw().unwrap().request(raw::READ, b"/\0").unwrap();
    });
}

#[test]
fn domains_are_introduced_seen_to_die_and_released() {
    const IS_DOMAIN_INTRODUCED: u32 = 17;
    for_each_daemon(|daemon| {
        let mut raw = daemon.raw().unwrap();
        let mut known = |payload: &[u8]| raw.request(IS_DOMAIN_INTRODUCED, payload).unwrap();
        let (first, second) = (daemon.introduce(1), daemon.introduce(7));
        assert_eq!(known(b"1\0"), b"T\0");
        assert_eq!(known(b"7\0"), b"T\0");
        second.release().unwrap();
        assert_eq!(known(b"7\0"), b"F\0");
        assert!(second.release().is_err());
        daemon.set_domain(first.domid(), crate::DomainState::Gone);
        // The event travels beside the socket: wait for its effect.
        let deadline = Instant::now() + START;
        while known(b"1\0") != b"F\0" {
            assert!(
                Instant::now() < deadline,
                "domain 1 is never seen to be gone"
            );
        }
    });
}

#[test]
fn a_domain_that_does_not_exist_cannot_be_introduced() {
    for_each_daemon(|daemon| {
        let guest = daemon.create(3);
        daemon.set_domain(3, crate::DomainState::Gone);
        assert_eq!(guest.introduce().unwrap_err().to_string(), "EINVAL");
    });
}

const ROLE: &str = "XENBUS_HARNESS_ABANDON";

/// Not a test of its own: what the next one kills.
#[test]
fn starts_daemons_and_waits_where_it_is_told_to() {
    if std::env::var_os(ROLE).is_some() {
        let daemons: Vec<Daemon> = available().into_iter().map(Daemon::start).collect();
        // A run directory nobody is left to remove.
        let pids: Vec<String> = daemons
            .iter()
            .flat_map(|daemon| {
                let pid = daemon.pid().unwrap().to_string();
                [pid, daemon.run.path().display().to_string()]
            })
            .collect();
        println!("started {}", pids.join(" "));
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn no_daemon_outlives_a_test_that_is_killed() {
    use std::io::BufRead;

    if available().is_empty() {
        return;
    }
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("daemon::tests::starts_daemons_and_waits_where_it_is_told_to")
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = io::BufReader::new(test.stdout.take().unwrap());
    let line = output
        .lines()
        .map(Result::unwrap)
        .find_map(|line| line.split_once("started ").map(|(_, rest)| rest.to_owned()))
        .unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let ends: Vec<_> = words
        .chunks(2)
        .map(|words| {
            let pid = Pid::from_raw(words[0].parse().unwrap()).unwrap();
            pidfd_open(pid, PidfdFlags::empty()).unwrap()
        })
        .collect();
    test.kill().unwrap();
    test.wait().unwrap();
    for end in ends {
        let timeout = Timespec::try_from(START).unwrap();
        let ended = poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&timeout));
        assert_eq!(ended, Ok(1), "a daemon is still there");
    }
    for words in words.chunks(2) {
        std::fs::remove_dir_all(words[1]).unwrap();
    }
}
