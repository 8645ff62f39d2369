//! fusermount3, the set-user-id program that mounts and unmounts for ordinary users.

use std::ffi::OsString;
use std::io::{self, IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
    recvmsg, socketpair,
};
use xenbus::value::escape;

use super::Request;
use crate::error::{Error, Result};

/// Where else than on PATH it may be: cron and systemd start programs with a short one.
const PROGRAMS: [&str; 5] = [
    "fusermount3",
    "/usr/bin/fusermount3",
    "/bin/fusermount3",
    "/run/wrappers/bin/fusermount3",
    "fusermount",
];

/// Mounts and returns the open `/dev/fuse`.
pub(super) fn mount(request: &Request<'_>) -> Result<OwnedFd> {
    let what = || format!("mount on {}", request.path.display());
    if let Some(option) = request.options.of_kernel().next() {
        return Err(Error::mount(
            what(),
            format!("only root can give -o {option}"),
        ));
    }
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|error| Error::mount("make a socket pair for fusermount3", error))?;
    // It sends the descriptor through the socket whose number the variable tells: the standard input is the one
    // number that needs no descriptor to be inherited otherwise.
    let child = spawn(|command| {
        command
            .env("_FUSE_COMMFD", "0")
            .stdin(theirs.try_clone()?)
            .arg("-o")
            .arg(options(request))
            .arg("--")
            .arg(request.path);
        Ok(())
    })?;
    drop(theirs);
    let device = receive(ours.as_fd());
    let (status, messages) =
        finish(child).map_err(|error| Error::mount("wait for fusermount3", error))?;
    match device {
        Ok(Some(device)) => Ok(device),
        Ok(None) => Err(refused(&what(), status, &messages)),
        Err(error) => Err(Error::mount(
            what(),
            format!("fusermount3's answer: {error}"),
        )),
    }
}

/// Takes a mount of this user away.
pub(super) fn unmount(path: &Path) -> Result<()> {
    let child = spawn(|command| {
        command
            .stdin(Stdio::null())
            .args(["-u", "-z", "--"])
            .arg(path);
        Ok(())
    })?;
    let what = format!("unmount {}", path.display());
    let (status, messages) = finish(child).map_err(|error| Error::mount(&what, error))?;
    if status.success() {
        Ok(())
    } else {
        Err(refused(&what, status, &messages))
    }
}

fn spawn(arguments: impl Fn(&mut Command) -> io::Result<()>) -> Result<Child> {
    for program in PROGRAMS {
        let mut command = Command::new(program);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let spawned = arguments(&mut command).and_then(|()| command.spawn());
        match spawned {
            Ok(child) => return Ok(child),
            Err(error) if not_there(&error) => {}
            Err(error) => return Err(Error::mount(format!("run {program}"), error)),
        }
    }
    Err(Error::mount(
        "run fusermount3",
        "it is not installed, and only root can mount without it",
    )
    .or(
        "as root: apt install fuse3 (Debian, Ubuntu), dnf install fuse3 (Fedora, RHEL), \
             pacman -S fuse3 (Arch), apk add fuse3 (Alpine)",
    ))
}

/// Not there, or no program.
fn not_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    )
}

fn options(request: &Request<'_>) -> OsString {
    let mut text = b"fsname=".to_vec();
    for byte in request.source.as_bytes() {
        if matches!(byte, b',' | b'\\') {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text.extend_from_slice(b",subtype=xenfs,default_permissions");
    if request.options.settings.allow_other {
        text.extend_from_slice(b",allow_other");
    }
    // Read-only is for us to enforce: changes of others are repeated on this very mount.
    let names = request.options.flag_names().filter(|name| *name != "ro");
    for name in names {
        text.push(b',');
        text.extend_from_slice(name.as_bytes());
    }
    OsString::from_vec(text)
}

/// The descriptor that comes through the socket; `None` if it is closed without one.
fn receive(socket: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::io::retry_on_intr(|| {
        recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    Ok(control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}

fn finish(mut child: Child) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut messages = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(4096).read_to_end(&mut messages)?;
    }
    Ok((child.wait()?, messages))
}

fn refused(what: &str, status: ExitStatus, messages: &[u8]) -> Error {
    let text = messages.trim_ascii();
    let text = text.strip_prefix(b"fusermount3: ").unwrap_or(text);
    let has = |part: &str| {
        text.windows(part.len())
            .any(|found| found == part.as_bytes())
    };
    let error = if text.is_empty() {
        Error::mount(
            what,
            format!("fusermount3 failed ({status}) without a reason"),
        )
    } else {
        Error::mount(what, format!("fusermount3: {}", escape(text)))
    };
    if has("user_allow_other") {
        error.or("leave allow_other away, or let root put the line 'user_allow_other' into /etc/fuse.conf")
    } else if has("/dev/fuse: Permission denied") {
        error.or(
            "as root: chmod 666 /dev/fuse (the usual mode), or give this user's group access to it",
        )
    } else if has("/dev/fuse") || has("modprobe") {
        error.or("as root: modprobe fuse")
    } else if has("no write access to mountpoint") {
        error.or("mount on a directory of your own, such as ~/xs")
    } else if has("too many FUSE filesystems") {
        error.or("unmount one of them, or let root raise mount_max in /etc/fuse.conf")
    } else if has("Operation not permitted") {
        error.or(
            "fusermount3 must be set-user-id root (as root: chmod u+s \"$(command -v fusermount3)\"), \
             and a container must allow mounting (CAP_SYS_ADMIN)",
        )
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;
    use crate::options::Options;

    #[test]
    fn the_source_cannot_smuggle_an_option_in() {
        let options = Options::parse(["ro,allow_other"]).unwrap();
        let request = Request {
            source: OsStr::new("unix:/a,suid\\"),
            path: Path::new("/xs"),
            options: &options,
        };
        assert_eq!(
            super::options(&request),
            "fsname=unix:/a\\,suid\\\\,subtype=xenfs,default_permissions,allow_other,nosuid,nodev"
        );
    }

    #[test]
    fn what_fusermount3_says_is_shown_escaped_and_with_a_way_out() {
        let hint = |said: &str| {
            let error = refused("mount on /xs", ExitStatus::from_raw(256), said.as_bytes());
            match &error {
                Error::Mount { hint, .. } => (error.to_string(), hint.clone().unwrap_or_default()),
                other => panic!("{other}"),
            }
        };
        for (said, way_out) in [
            (
                "fusermount3: option allow_other only allowed if 'user_allow_other' is set",
                "/etc/fuse.conf",
            ),
            (
                "fusermount3: failed to open /dev/fuse: Permission denied",
                "chmod 666",
            ),
            (
                "fusermount3: fuse device not found, try 'modprobe fuse' first",
                "modprobe",
            ),
            (
                "fusermount3: user has no write access to mountpoint /xs",
                "of your own",
            ),
            (
                "fusermount3: too many FUSE filesystems mounted; mount_max=N can be set",
                "mount_max",
            ),
            (
                "fusermount3: mount failed: Operation not permitted",
                "set-user-id",
            ),
        ] {
            let (shown, hint) = hint(said);
            assert!(shown.starts_with("mount on /xs: fusermount3: "), "{shown}");
            assert!(!shown.contains("fusermount3: fusermount3"), "{shown}");
            assert!(hint.contains(way_out), "{said}: {hint}");
        }
        assert!(hint("\x1b[2J").0.contains("\\x1b[2J"));
        assert!(hint("").0.contains("without a reason"));
    }
}
