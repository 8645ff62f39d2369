//! The file system without a kernel, on the embedded store.

mod errors;
mod files;
mod inodes;
pub(crate) mod model;
mod requests;

use std::sync::Arc;

use rustix::fs::OFlags;
use xenbus::store::{Server, StoreOptions};
use xenbus::{Client, ClientOptions, DomId, Operations, StorePath};
use xenfs::errno::Result;
use xenfs::fs::{Entry, OpenFlags, XenFs};
use xenfs::inode::ROOT;
use xenfs::settings::Settings;

use crate::count::Count;

/// A file system and a client beside it.
struct Rig {
    fs: XenFs,
    store: Client,
    count: Arc<Count>,
    server: Server,
}

impl Rig {
    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        let server = Server::start(StoreOptions::default()).unwrap();
        let store = connect(&server, DomId::DOM0, None);
        let count = Arc::new(Count::default());
        let client = connect(&server, DomId::DOM0, Some(&count));
        let fs = XenFs::new(client, settings).unwrap();
        count.clear();
        Self {
            fs,
            store,
            count,
            server,
        }
    }

    fn put(&self, node: &str, value: &str) {
        self.store.write(&path(node), value.as_bytes()).unwrap();
    }

    fn get(&self, node: &str) -> String {
        String::from_utf8(self.store.read(&path(node)).unwrap()).unwrap()
    }

    /// Looks a path of the mount up, name by name.
    fn find(&self, names: &str) -> Result<Entry> {
        let mut names = names.split('/').peekable();
        let mut parent = ROOT;
        loop {
            let entry = self.fs.lookup(parent, names.next().unwrap().as_bytes())?;
            if names.peek().is_none() {
                return Ok(entry);
            }
            parent = entry.attr.id;
        }
    }

    fn id(&self, names: &str) -> u64 {
        self.find(names).unwrap().attr.id
    }

    fn open(&self, names: &str, flags: OFlags) -> Result<u64> {
        Ok(self.fs.open(self.id(names), open_flags(flags))?.handle)
    }

    fn create(&self, parent: &str, name: &str, flags: OFlags) -> Result<(Entry, u64)> {
        let flags = open_flags(flags | OFlags::CREATE);
        let (entry, opened) = self.fs.create(self.id(parent), name.as_bytes(), flags)?;
        Ok((entry, opened.handle))
    }

    fn names(&self, directory: &str) -> Vec<String> {
        let handle = self.fs.opendir(self.id(directory)).unwrap();
        let mut names = Vec::new();
        self.fs
            .readdir(handle, 2, |entry| {
                names.push(entry.name);
                true
            })
            .unwrap();
        self.fs.releasedir(handle);
        names
    }
}

fn connect(server: &Server, domid: DomId, count: Option<&Arc<Count>>) -> Client {
    let mut options = ClientOptions::default();
    options.tap = count.map(|count| Arc::clone(count) as _);
    Client::with_connector(server.connector(domid), options).unwrap()
}

fn open_flags(flags: OFlags) -> OpenFlags {
    OpenFlags::new(flags.bits().cast_signed())
}

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}
