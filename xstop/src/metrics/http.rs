//! A server of one page.
//!
//! It reads one short request per connection and closes it. Each has its time, and only a few are served at once:
//! whoever can reach the port can slow nobody but other readers.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use xenbus::error::{Error, Result};

use super::{Form, encode};
use crate::batch::Feed;

/// Bytes of a request that are read.
const REQUEST_MAX: u64 = 16 * 1024;
/// How long a reader may take for each step.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Readers at once.
const READERS_MAX: usize = 8;

pub(super) fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| Error::io(format!("listen for readers of metrics at {address}"), error))
}

/// Answers until it is stopped, or so many times.
pub(super) fn serve(listener: &TcpListener, feed: &Feed, samples: Option<u64>) -> Result<()> {
    let readers = Arc::new(AtomicUsize::new(0));
    let trouble: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        let mut count = 0;
        while samples.is_none_or(|samples| count < samples) {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => {
                    // Out of descriptors: some are given back soon.
                    std::thread::sleep(Duration::from_millis(50));
                    continue;
                }
                Err(error) => return Err(Error::io("take a reader of metrics", error)),
            };
            if let Some(error) = take(&trouble) {
                return Err(error);
            }
            count += 1;
            if readers.load(Ordering::Relaxed) >= READERS_MAX {
                // Not even read: it would have to be waited for.
                drop(stream);
                continue;
            }
            readers.fetch_add(1, Ordering::Relaxed);
            let (readers, trouble) = (&readers, &trouble);
            scope.spawn(move || {
                match answer(&stream, feed) {
                    Ok(()) | Err(Failed::Reader) => {}
                    Err(Failed::Feed(error)) => {
                        *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
                readers.fetch_sub(1, Ordering::Relaxed);
            });
        }
        Ok(())
    })?;
    take(&trouble).map_or(Ok(()), Err)
}

fn take(trouble: &Mutex<Option<Error>>) -> Option<Error> {
    trouble
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let passing = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::CONNABORTED,
        Errno::NOBUFS,
        Errno::INTR,
    ];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}

enum Failed {
    /// The reader went away, or was too slow.
    Reader,
    /// There is nothing more to tell.
    Feed(Error),
}

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Self {
        Self::Reader
    }
}

fn answer(stream: &TcpStream, feed: &Feed) -> Result<(), Failed> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = Request::read(stream)?;
    let (status, content, body) = match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/metrics") => {
            let snapshot = feed.sample().map_err(Failed::Feed)?;
            feed.complain();
            let form = request.form;
            ("200 OK", form.content_type(), encode(&snapshot, form))
        }
        ("GET" | "HEAD", "/") => (
            "200 OK",
            "text/html; charset=utf-8",
            "<!doctype html><title>xstop</title><a href=\"/metrics\">metrics</a>\n".to_owned(),
        ),
        ("GET" | "HEAD", _) => ("404 Not Found", TEXT, "only /metrics is here\n".to_owned()),
        _ => (
            "405 Method Not Allowed",
            TEXT,
            "only GET and HEAD\n".to_owned(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let mut out = stream;
    out.write_all(head.as_bytes())?;
    if request.method != "HEAD" {
        out.write_all(body.as_bytes())?;
    }
    out.flush()?;
    // Bytes that were not read would make the close a reset, and the answer lost.
    stream.shutdown(std::net::Shutdown::Write)?;
    drop(io::copy(&mut stream.take(REQUEST_MAX), &mut io::sink()));
    Ok(())
}

const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Debug, Eq, PartialEq)]
struct Request {
    method: String,
    path: String,
    form: Form,
}

impl Request {
    fn read(stream: impl io::Read) -> io::Result<Self> {
        let mut lines = BufReader::new(stream.take(REQUEST_MAX));
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let mut words = line.split_ascii_whitespace();
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let path = path.split('?').next().unwrap_or_default();
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            form: Form::Prometheus,
        };
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(request);
            }
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("accept") && value.contains("application/openmetrics-text")
            {
                request.form = Form::OpenMetrics;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn readers_get_the_form_that_they_ask_for() {
        let read = |text: &str| Request::read(text.as_bytes()).unwrap();
        let plain = read("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n");
        assert_eq!(
            (plain.path.as_str(), plain.form),
            ("/metrics", Form::Prometheus)
        );
        let open = read(
            "GET /metrics HTTP/1.1\r\naccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n\r\n",
        );
        assert_eq!(open.form, Form::OpenMetrics);
    }

    proptest! {
        #[test]
        fn any_request_is_no_panic(bytes: Vec<u8>) {
            drop(Request::read(&bytes[..]));
        }
    }
}
