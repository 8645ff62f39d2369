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
