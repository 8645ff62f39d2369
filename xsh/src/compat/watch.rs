//! `xenstore-watch`.

use std::io;

use xenbus::watch::{Bell, WatchOptions};
use xenbus::{StorePath, WatchEvent};

use super::options::Options;
use super::store::Store;
use super::{Call, Result, flush, print};

/// Prints the path of every event.
pub(super) fn run(call: &Call, store: &Store, options: &Options) -> Result<u8> {
    let bell = Bell::new();
    let mut watches = Vec::new();
    for path in &options.operands {
        let mut how = WatchOptions::default();
        how.bell = Some(bell.clone());
        // The original prints, and counts, each.
        how.keeps_equal = true;
        how.depth = u32::try_from(options.depth).ok();
        let watch = StorePath::parse(path)
            .map_err(xenbus::Error::from)
            .and_then(|path| store.client.watch_with(&path, how));
        let watch = watch.map_err(|_| {
            let depth = match options.depth {
                0.. => format!(" with depth {}", options.depth),
                _ => String::new(),
            };
            let text = [
                b"Unable to add watch on ",
                &path[..],
                depth.as_bytes(),
                b"\n",
            ]
            .concat();
            call.stop(&text)
        })?;
        watches.push(watch);
    }
    let mut left = options.number;
    let mut stdout = io::stdout().lock();
    loop {
        // One of each at a time, so that the order is much as the store sent them.
        let mut any = true;
        while any {
            any = false;
            for watch in &watches {
                if left == 0 {
                    return Ok(0);
                }
                let event = watch.try_next().map_err(|_| super::Stop(1))?;
                let path = match event {
                    None => continue,
                    Some(WatchEvent::Lost) => {
                        any = true;
                        continue;
                    }
                    Some(WatchEvent::Changed(path)) => path,
                    // The first event, and whatever else means that one should look.
                    Some(_) => watch.path().clone(),
                };
                any = true;
                print(&mut stdout, &[path.as_bytes(), b"\n"].concat())?;
                flush(&mut stdout)?;
                left = left.saturating_sub(i32::from(left > 0));
            }
        }
        bell.wait_until(None);
    }
}
