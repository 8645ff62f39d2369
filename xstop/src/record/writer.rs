//! Writes a recording.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use xenbus::device::DeviceId;
use xenbus::device::history::Moment;
use xenbus::error::{Error, Result};
use xenbus::mirror::Mirrored;

use super::line::{FORMAT, Header, Line, LinkLine, SampleLine, VERSION};
use super::value::Node;
use crate::collect::Recorder;
use crate::model::{Link, NodeChange, Sample};

/// Nodes in one line.
const NODES: usize = 500;

/// Writes everything that comes in. A recording that cannot be written ends there, and says why when asked.
pub struct Writer {
    file: BufWriter<Box<dyn Write + Send>>,
    link: Option<LinkLine>,
    trouble: Trouble,
}

/// Why a recording has ended early, for whoever started it.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// Why; nothing if it has not.
    pub fn get(&self) -> Option<String> {
        let why = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        why.clone()
    }
}

impl Writer {
    /// Starts a recording in a file, which must not exist.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path, epoch: Duration) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| {
            Error::io(format!("start a recording in {}", path.display()), error)
        })?;
        Self::new(Box::new(file), epoch)
            .map_err(|error| Error::io(format!("write to {}", path.display()), error))
    }

    /// Starts a recording; `epoch` is the Unix time of moment zero.
    ///
    /// # Errors
    /// If its first line cannot be written.
    pub fn new(file: Box<dyn Write + Send>, epoch: Duration) -> std::io::Result<Self> {
        let mut file = BufWriter::new(file);
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            epoch: epoch.as_secs_f64(),
            program: concat!("xstop ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        serde_json::to_writer(&mut file, &header)?;
        file.write_all(b"\n")?;
        file.flush()?;
        Ok(Self {
            file,
            link: None,
            trouble: Trouble::default(),
        })
    }

    /// Where it will say why it has ended early.
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    fn write(&mut self, now: Moment, line: Line) {
        if self.trouble.get().is_some() {
            return;
        }
        let line = Line {
            // Microseconds are more than enough, and short.
            t: (now.0.as_secs_f64() * 1e6).round() / 1e6,
            ..line
        };
        let written = serde_json::to_writer(&mut self.file, &line)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        if let Err(error) = written {
            let mut trouble = self
                .trouble
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *trouble = Some(error.to_string());
        }
    }
}

impl Recorder for Writer {
    fn link(&mut self, link: &Link, now: Moment) {
        let way = LinkLine::of(link);
        if self.link.as_ref() != Some(&way) {
            self.link = Some(way.clone());
            self.write(
                now,
                Line {
                    link: Some(way),
                    ..Line::default()
                },
            );
        }
    }

    fn nodes(&mut self, nodes: &mut dyn Iterator<Item = &Arc<Mirrored>>, now: Moment) {
        loop {
            let some = nodes.take(NODES);
            let some = some.map(|node| (node.path.to_string(), Node::from(&**node)));
            let some: std::collections::BTreeMap<_, _> = some.collect();
            if some.is_empty() {
                break;
            }
            self.write(
                now,
                Line {
                    nodes: Some(some),
                    ..Line::default()
                },
            );
        }
        let line = Line {
            complete: true,
            ..Line::default()
        };
        self.write(now, line);
    }

    fn change(&mut self, change: NodeChange<'_>, now: Moment) {
        let line = Line {
            path: Some(change.path.to_string()),
            value: change.new.map(Node::from),
            gone: change.new.is_none(),
            ..Line::default()
        };
        self.write(now, line);
    }

    fn sample(&mut self, device: &DeviceId, sample: &Sample, now: Moment) {
        if !sample.is_empty() {
            let line = Line {
                sample: Some(SampleLine::of(device, sample)),
                ..Line::default()
            };
            self.write(now, line);
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.file.flush() {
            let mut trouble = self
                .trouble
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            trouble.get_or_insert(error.to_string());
        }
    }
}
