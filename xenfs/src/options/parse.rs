//! Reading the values of mount options.

use xenbus::StorePath;
use xenbus::value::escape;

use super::{Options, TABLE};
use crate::settings::Subdir;

/// The smallest BASE of `owner=domid+BASE`: below are the users of the system.
const OWNER_BASE_MIN: u32 = 100_000;

/// The options in a text, separated by commas. Quotes, which are taken away, keep a comma in a value (as in SELinux's
/// categories), as mount(8) has it.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        match (character, words.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => words.push(String::new()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// An option of the kernel's security module, as the kernel reads it: in quotes, for it may hold commas.
pub(super) fn security(name: &str, value: &str) -> Result<String, String> {
    if value.is_empty() || value.contains(['"', '\\', '\0']) {
        return Err("must be a security context, such as system_u:object_r:xenfs_t:s0".into());
    }
    Ok(format!("{name}=\"{value}\""))
}

/// `text` as it may be printed.
pub(super) fn shown(text: &str) -> String {
    escape(text.as_bytes()).to_string()
}

pub(super) fn unknown(name: &str) -> String {
    if name == "remount" {
        return "-o remount: a store cannot be mounted anew in place; unmount and mount again, \
                or 'mount -o remount,bind,ro MOUNTPOINT' to make it read-only"
            .into();
    }
    let allowed: Vec<_> = TABLE
        .iter()
        .filter(|option| !option.is_passive())
        .map(ToString::to_string)
        .collect();
    format!(
        "-o {}: unknown mount option (allowed: {})",
        shown(name),
        allowed.join(", ")
    )
}

/// What no single option can tell.
pub(super) fn check_together(options: &Options) -> Result<(), String> {
    let settings = &options.settings;
    if settings.owner_base.is_some() && settings.uid.is_some() {
        return Err("-o owner= and uid= both say who owns the files; give one of them".into());
    }
    Ok(())
}

/// A user or group number. The largest one means "none" to the kernel.
pub(super) fn id(text: &str) -> Result<u32, String> {
    digits(text, 10)
        .filter(|id| *id < u32::MAX)
        .ok_or_else(|| "must be a number from 0 to 4294967294 (names: see id(1))".into())
}

pub(super) fn umask(text: &str) -> Result<u32, String> {
    digits(text, 8)
        .filter(|mask| *mask <= 0o777)
        .ok_or_else(|| "must be octal permission bits, 0 to 777, such as umask=027".into())
}

pub(super) fn owner(text: &str) -> Result<u32, String> {
    let largest = u32::MAX - 0xffff;
    text.strip_prefix("domid+")
        .and_then(|base| digits(base, 10))
        .filter(|base| (OWNER_BASE_MIN..=largest).contains(base))
        .ok_or_else(|| {
            format!(
                "must be owner=domid+BASE with BASE from {OWNER_BASE_MIN} to {largest}: \
                 plain domain numbers would be login users"
            )
        })
}

pub(super) fn subdir(text: &str) -> Result<Subdir, String> {
    if text == "~" {
        return Ok(Subdir::Home);
    }
    if !text.starts_with('/') {
        return Err("must be an absolute path of the store, or ~".into());
    }
    let path = StorePath::parse(text).map_err(|error| error.to_string())?;
    Ok(if text == "/" {
        Subdir::Root
    } else {
        Subdir::Node(path)
    })
}

fn digits(text: &str, radix: u32) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u32::from_str_radix(text, radix).ok()
}
