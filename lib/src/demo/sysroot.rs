//! The files that the kernel of the domain with the backends would show, below a directory.

mod disk;
mod files;
mod net;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::board::{Board, Slot};
use super::host::spawn;
use super::stop::Stop;
use crate::device::id::DeviceId;
use crate::error::{Error, Result};
use files::Files;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_millis(500);

/// Processor time that a round may take: what is left has its turn in the next one. A twentieth of a processor: who looks
/// at a simulated host wants to see what the looking costs.
const ROUND: Duration = Duration::from_millis(25);

/// Threads that make the files at first, at most: beyond that they wait for the file system.
const WORKERS: usize = 8;

/// Directories that belong to us.
const OURS: [&str; 3] = [
    "sys/bus/xen-backend/devices",
    "sys/class/net",
    "sys/kernel/debug/xen-netback",
];

/// Files that move with the traffic until this is dropped.
pub(super) struct Sysroot {
    tree: Arc<Mutex<Tree>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// What has been written.
struct Tree {
    board: Board,
    files: Files,
    /// The files of each device.
    devices: BTreeMap<DeviceId, Vec<String>>,
    /// The first device that had no turn in the last round.
    next: Option<DeviceId>,
}

impl Sysroot {
    pub(super) fn start(directory: &Path, board: Board) -> Result<Self> {
        let failed = |error| Error::io(format!("keep files below {}", directory.display()), error);
        for ours in OURS {
            let ours = directory.join(ours);
            if ours.exists() {
                std::fs::remove_dir_all(&ours).map_err(failed)?;
            }
            std::fs::create_dir_all(&ours).map_err(failed)?;
        }
        let mut tree = Tree::new(directory, board);
        tree.first_round(directory).map_err(failed)?;
        tree.files.begin();
        let tree = Arc::new(Mutex::new(tree));
        let (kept, stop) = (Arc::clone(&tree), Stop::default());
        let asked = stop.clone();
        let thread = spawn("demo sysroot", move || {
            while !asked.is_asked() {
                let now = Instant::now();
                asked.bell.wait_until(Some(now + INTERVAL));
                // A directory that somebody took away: there is nobody to read it either.
                drop(lock(&kept).round(Some(ROUND)));
            }
        })?;
        Ok(Self {
            tree,
            stop,
            thread: Some(thread),
        })
    }

    /// Brings all files up to date now.
    pub(super) fn update(&self) {
        drop(lock(&self.tree).round(None));
    }
}

fn lock(tree: &Mutex<Tree>) -> MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Sysroot {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            // Only a panic of its own makes this an error, and that was printed.
            drop(thread.join());
        }
    }
}

impl Tree {
    fn new(directory: &Path, board: Board) -> Self {
        Self {
            board,
            files: Files::new(directory),
            devices: BTreeMap::new(),
            next: None,
        }
    }

    /// Writes everything, on all processors: making tens of thousands of files takes the system seconds.
    fn first_round(&mut self, directory: &Path) -> std::io::Result<()> {
        let served = self.board.served_by(self.board.hardware());
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let share = served.len().div_ceil(workers.min(WORKERS)).max(1);
        let parts: Vec<std::io::Result<Self>> = thread::scope(|scope| {
            let workers: Vec<_> = served
                .chunks(share)
                .map(|share| {
                    let mut part = Self::new(directory, self.board.clone());
                    scope.spawn(move || {
                        let mut devices = share.iter();
                        devices.try_for_each(|(id, slot)| part.device(id, slot))?;
                        Ok(part)
                    })
                })
                .collect();
            let parts = workers.into_iter().map(thread::ScopedJoinHandle::join);
            parts
                .map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        for part in parts {
            let mut part = part?;
            self.devices.append(&mut part.devices);
            self.files.take_over(part.files);
        }
        Ok(())
    }

    /// Writes what has changed, for so much processor time.
    fn round(&mut self, budget: Option<Duration>) -> std::io::Result<()> {
        let start = processor_time();
        let served = self.board.served_by(self.board.hardware());
        let mut gone: Vec<DeviceId> = self.devices.keys().cloned().collect();
        gone.retain(|id| served.binary_search_by(|(other, _)| other.cmp(id)).is_err());
        for id in gone {
            for path in self.devices.remove(&id).unwrap_or_default() {
                self.files.remove(&path);
            }
        }
        let first = self
            .next
            .take()
            .map_or(0, |next| served.partition_point(|(other, _)| *other < next));
        for (id, slot) in served[first..].iter().chain(&served[..first]) {
            if budget.is_some_and(|budget| processor_time().saturating_sub(start) > budget) {
                self.next = Some(id.clone());
                break;
            }
            self.device(id, slot)?;
        }
        Ok(())
    }

    fn device(&mut self, id: &DeviceId, slot: &Slot) -> std::io::Result<()> {
        let counts = slot.flow.counts(self.board.now());
        let shown = match &*slot.part.back_kind {
            "vif" => net::files(id, slot, &counts, self.board.now()),
            "vbd" => disk::files(id, slot, &counts),
            _ if slot.part.is_served_by_kernel() => bus(id, slot).0,
            _ => return Ok(()),
        };
        let before = self.devices.entry(id.clone()).or_default();
        for path in before.iter() {
            if !shown.iter().any(|(other, _)| other == path) {
                self.files.remove(path);
            }
        }
        *before = shown.iter().map(|(path, _)| path.clone()).collect();
        shown
            .into_iter()
            .try_for_each(|(path, text)| self.files.put(&path, text))
    }
}

/// What this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Files and what they hold.
type Shown = Vec<(String, String)>;

/// What every backend has on the bus, and its directory there.
fn bus(id: &DeviceId, slot: &Slot) -> (Shown, String) {
    let (kind, number) = (&slot.part.back_kind, slot.part.number);
    let domid = id.domain();
    let directory = format!("{}/{kind}-{domid}-{number}", OURS[0]);
    let node = format!("backend/{kind}/{domid}/{number}");
    let uevent = format!(
        "DRIVER={kind}\nMODALIAS=xen-backend:{kind}\nXENBUS_TYPE={kind}\nXENBUS_PATH={node}\nXENBUS_BASE_PATH=backend"
    );
    let files = [
        ("devtype", kind.clone()),
        ("modalias", format!("xen-backend:{kind}")),
        ("nodename", node),
        ("state", slot.state.to_owned()),
        ("uevent", uevent),
    ];
    let shown = files
        .into_iter()
        .map(|(name, text)| (format!("{directory}/{name}"), text + "\n"))
        .collect();
    (shown, directory)
}

/// What the bus counts of event channels.
fn events(directory: &str, channels: u32, events: u64) -> Shown {
    let channels = u64::from(channels);
    let files = [
        ("event_channels", channels),
        ("events", events),
        ("jiffies_eoi_delayed", 0),
        ("spurious_events", channels),
        ("spurious_threshold", 1),
    ];
    numbers(&format!("{directory}/xenbus"), &files)
}

fn numbers(directory: &str, files: &[(&str, u64)]) -> Shown {
    let file =
        |(name, number): &(&str, u64)| (format!("{directory}/{name}"), format!("{number}\n"));
    files.iter().map(file).collect()
}
