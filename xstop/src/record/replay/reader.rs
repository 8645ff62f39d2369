//! Reads a recording line by line, forwards and from any place again.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use xenbus::device::history::Moment;

use super::Timeline;
use crate::record::line::{FORMAT, Header, Line, VERSION};

/// Longest line that is read.
const LINE_MAX: u64 = 64 << 20;

/// A recording that is open.
pub(super) struct Reader {
    file: BufReader<File>,
    place: u64,
    begin: u64,
    epoch: Duration,
    timeline: Timeline,
    /// The next line, and when it was.
    ahead: Option<(Line, Moment)>,
    /// Where the line behind `ahead` begins.
    ahead_end: u64,
    number: u64,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut reader = Self {
            file: BufReader::new(file),
            place: 0,
            begin: 0,
            epoch: Duration::ZERO,
            timeline: Timeline {
                begin: Moment::default(),
                end: Moment::default(),
            },
            ahead: None,
            ahead_end: 0,
            number: 0,
        };
        let first = reader.line()?.ok_or("is empty")?;
        let header: Header = serde_json::from_slice(&first)
            .map_err(|_| format!("does not begin as a recording of xstop does (\"{FORMAT}\")"))?;
        if header.format != FORMAT {
            return Err(format!("is no \"{FORMAT}\""));
        }
        if header.version != VERSION {
            return Err(format!(
                "is of version {}; this xstop reads version {VERSION}",
                header.version
            ));
        }
        reader.epoch = Duration::try_from_secs_f64(header.epoch).unwrap_or_default();
        reader.begin = reader.ahead_end;
        reader.find_timeline()?;
        reader.seek(reader.begin)?;
        Ok(reader)
    }

    pub(super) fn epoch(&self) -> Duration {
        self.epoch
    }

    pub(super) fn timeline(&self) -> Timeline {
        self.timeline
    }

    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    /// Where the next line begins.
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// Only the times matter at first: the rest of each line is skipped.
    fn find_timeline(&mut self) -> Result<(), String> {
        #[derive(serde::Deserialize)]
        struct Time {
            t: f64,
            #[serde(default)]
            complete: bool,
        }
        let (mut begin, mut end) = (None, Moment::default());
        while let Some(line) = self.line()? {
            let Ok(line) = serde_json::from_slice::<Time>(&line) else {
                // Its end is missing: whoever wrote it was stopped.
                break;
            };
            end = end.max(moment(line.t));
            if line.complete && begin.is_none() {
                begin = Some(end);
            }
        }
        let begin = begin.ok_or("ends before all nodes were known")?;
        self.timeline = Timeline { begin, end };
        Ok(())
    }

    pub(super) fn seek(&mut self, place: u64) -> Result<(), String> {
        self.file
            .seek(SeekFrom::Start(place))
            .map_err(|error| error.to_string())?;
        self.place = place;
        self.ahead_end = place;
        self.ahead = None;
        self.look_ahead()
    }

    /// When the next line was.
    pub(super) fn next(&self) -> Option<Moment> {
        self.ahead.as_ref().map(|(_, at)| *at)
    }

    /// The next line, if it was not after `to`.
    pub(super) fn take(&mut self, to: Moment) -> Result<Option<(Line, Moment)>, String> {
        if self.next().is_none_or(|at| at > to) {
            return Ok(None);
        }
        let line = self.ahead.take();
        self.place = self.ahead_end;
        self.look_ahead()?;
        Ok(line)
    }

    fn look_ahead(&mut self) -> Result<(), String> {
        let Some(bytes) = self.line()? else {
            return Ok(());
        };
        match serde_json::from_slice::<Line>(&bytes) {
            Ok(line) => {
                let at = moment(line.t);
                self.ahead = Some((line, at));
                Ok(())
            }
            // The last line may be cut.
            Err(_) if !bytes.ends_with(b"\n") => Ok(()),
            Err(error) => Err(format!("at byte {}: {error}", self.place)),
        }
    }

    /// The bytes of the next line; nothing at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.file).take(LINE_MAX);
        let length = bounded
            .read_until(b'\n', &mut bytes)
            .map_err(|error| error.to_string())?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        if length == LINE_MAX && !bytes.ends_with(b"\n") {
            return Err(format!("has a line of more than {} MiB", LINE_MAX >> 20));
        }
        self.ahead_end += length;
        Ok(Some(bytes))
    }
}

fn moment(seconds: f64) -> Moment {
    Moment(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
