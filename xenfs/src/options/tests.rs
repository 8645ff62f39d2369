use std::time::Duration;

use super::*;
use crate::settings::{Cache, EmptyNode, Subdir};

fn parse(text: &str) -> Result<Options, String> {
    Options::parse([text])
}

#[test]
fn every_option_reaches_its_setting() {
    let options = Options::parse([
        "ro,allow_other,gid=5,umask=027,owner=domid+100000",
        "subdir=/local/domain/3,raw,empty=dir,cache=none,timeout=2.5",
    ])
    .unwrap();
    let settings = options.settings;
    assert!(settings.read_only && settings.allow_other && settings.raw);
    assert_eq!((settings.uid, settings.gid), (None, Some(5)));
    assert_eq!(settings.umask, Some(0o27));
    assert_eq!(settings.owner_base, Some(100_000));
    let home = xenbus::StorePath::parse("/local/domain/3").unwrap();
    assert_eq!(settings.subdir, Subdir::Node(home));
    assert_eq!(settings.empty, EmptyNode::Directory);
    assert_eq!(settings.cache, Cache::None);
    assert_eq!(settings.timeout, Duration::from_millis(2500));
    assert!(options.timeout_given);
    assert!(options.flags.contains(MountFlags::RDONLY));
}

#[test]
fn without_options_the_defaults_hold_and_no_device_or_privileged_program_can_appear() {
    let options = Options::parse([]).unwrap();
    assert!(!options.settings.read_only && !options.timeout_given);
    assert_eq!(options.flags, MountFlags::NOSUID | MountFlags::NODEV);
    assert_eq!(
        Options::parse(["dev,suid,rw"]).unwrap().flags,
        options.flags
    );
}

#[test]
fn of_repeated_options_the_last_one_counts() {
    let options = Options::parse(["ro,uid=1", "rw", "uid=2,empty=dir,,empty=file"]).unwrap();
    assert!(!options.settings.read_only);
    assert!(!options.flags.contains(MountFlags::RDONLY));
    assert_eq!(options.settings.uid, Some(2));
    assert_eq!(options.settings.empty, EmptyNode::File);
}

#[test]
fn what_mount_and_fstab_add_is_taken() {
    let given = "rw,dev,suid,nodev,nosuid,exec,noexec,sync,async,dirsync,atime,noatime,diratime,nodiratime,\
                 relatime,norelatime,strictatime,nostrictatime,lazytime,nolazytime,defaults,auto,noauto,nofail,\
                 user,users,nouser,_netdev,x-systemd.automount,x-systemd.requires=xenstored.service,comment=x,\
                 default_permissions,nonempty";
    let options = parse(given).unwrap();
    assert_eq!(
        options.flag_names().collect::<Vec<_>>(),
        [
            "nosuid",
            "nodev",
            "noexec",
            "sync",
            "dirsync",
            "noatime",
            "nodiratime"
        ]
    );
}

#[test]
fn an_unknown_option_is_refused_with_its_name_and_the_allowed_ones() {
    let error = parse("ro,ttl=5").unwrap_err();
    assert!(error.starts_with("-o ttl: unknown mount option"), "{error}");
    for option in TABLE.iter().filter(|option| !option.is_passive()) {
        assert!(error.contains(&option.to_string()), "{option} in {error}");
    }
    assert!(parse("\x1b[31m").unwrap_err().starts_with("-o \\x1b[31m:"));
    assert!(parse("remount,ro").unwrap_err().contains("unmount"));
}

#[test]
fn malformed_values_are_refused_by_name() {
    for bad in [
        "uid=root",
        "uid=",
        "uid",
        "uid=-1",
        "uid=+1",
        "uid=4294967295",
        "gid=99999999999",
        "umask=8",
        "umask=1777",
        "umask=0x1",
        "owner=domid",
        "owner=domid+99999",
        "owner=domid+4294967295",
        "owner=5",
        "subdir=local",
        "subdir=",
        "subdir=/a b",
        "subdir=/a/",
        "raw=1",
        "ro=yes",
        "empty=no",
        "cache=all",
        "timeout=0",
        "timeout=-1",
        "timeout=1e3",
        "timeout=inf",
        "timeout=NaN",
        "timeout=.",
        "timeout=86401",
    ] {
        let name = bad.split('=').next().unwrap();
        let error = parse(bad).unwrap_err();
        assert!(
            error.starts_with(&format!("-o {name}")),
            "{bad:?} gave {error}"
        );
    }
}

#[test]
fn two_owners_are_refused() {
    let error = parse("uid=0,owner=domid+100000").unwrap_err();
    assert!(
        error.contains("owner=") && error.contains("uid="),
        "{error}"
    );
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = TABLE.iter().map(|option| option.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn security_contexts_go_to_the_kernel_in_quotes_and_may_hold_commas() {
    let options = parse("context=\"u:r:t:s0:c1,c2\",ro,rootcontext=u:r:t:s0").unwrap();
    assert_eq!(
        options.security,
        ["context=\"u:r:t:s0:c1,c2\"", "rootcontext=\"u:r:t:s0\""]
    );
    assert!(options.settings.read_only);
    // As mount(8) does it: without SELinux they are dropped.
    let known = Path::new("/sys/fs/selinux/enforce").exists();
    assert_eq!(options.of_kernel().count(), if known { 2 } else { 0 });
    assert!(parse("context=").unwrap_err().contains("context"));
}
