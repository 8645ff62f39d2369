use std::io::{Seek, SeekFrom, Write};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::counters::{Fill, Occupancy, sample_ring};
use crate::device::layout::{Abi, Layout};
use crate::device::reading::Reading;
use crate::device::ring::{Place, Ring};

/// Shared memory in place of guests' pages: reference n is page n.
struct SharedMemory {
    file: File,
    pages: u32,
    mapped: Mutex<Vec<u64>>,
    asked: AtomicUsize,
}

impl Grants for &'static SharedMemory {
    fn map(&self, domain: DomId, reference: u32) -> io::Result<u64> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if domain != DomId(3) || reference >= self.pages {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let place = u64::from(reference) * u64::from(PAGE_SIZE);
        self.mapped.lock().unwrap().push(place);
        // The last page cannot be mapped, although it was granted.
        let is_last = reference + 1 == self.pages;
        Ok(if is_last { place + 1 } else { place })
    }

    fn unmap(&self, place: u64) -> io::Result<()> {
        let place = place / u64::from(PAGE_SIZE) * u64::from(PAGE_SIZE);
        let mut mapped = self.mapped.lock().unwrap();
        let at = mapped.iter().position(|other| *other == place).unwrap();
        mapped.remove(at);
        Ok(())
    }

    fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl SharedMemory {
    fn new(pages: u32) -> &'static Self {
        let file = rustix::fs::memfd_create("pages", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let file = File::from(file);
        file.set_len(u64::from(pages) * u64::from(PAGE_SIZE))
            .unwrap();
        Box::leak(Box::new(Self {
            file,
            pages,
            mapped: Mutex::default(),
            asked: AtomicUsize::new(0),
        }))
    }

    fn put(&self, page: u32, offset: u32, word: u32) {
        let at = u64::from(page * PAGE_SIZE + offset);
        (&self.file).seek(SeekFrom::Start(at)).unwrap();
        (&self.file).write_all(&word.to_ne_bytes()).unwrap();
    }

    fn held(&self) -> usize {
        self.mapped.lock().unwrap().len()
    }
}

fn ring(layout: Layout, page: PageReference) -> Ring {
    Ring {
        role: "ring".into(),
        place: Place::Device,
        layout,
        pages: Reading::Known(1),
        references: vec![page],
        channel: Reading::Missing,
        capacity: layout.capacity(1, Abi::Native),
    }
}

#[test]
fn indices_come_from_the_page_and_nothing_stays_mapped() {
    let memory = SharedMemory::new(3);
    let pages = GrantedPages(Box::new(memory));
    assert_eq!(memory.asked.load(Ordering::Relaxed), 0);
    memory.put(1, 0, 9);
    memory.put(1, 8, 5);
    let read = |page| sample_ring(&pages, DomId(3), &ring(Layout::BLKIF, page));
    let Reading::Known(Occupancy::Requests {
        in_flight,
        req_prod,
        rsp_prod,
    }) = read(PageReference::Grant(1))
    else {
        panic!("no occupancy");
    };
    assert_eq!(
        (in_flight, req_prod, rsp_prod),
        (Fill::Used { used: 4, of: 32 }, 9, 5)
    );
    // A guest that goes on is seen to have gone on.
    memory.put(1, 0, 1000);
    let Reading::Known(Occupancy::Requests { in_flight, .. }) = read(PageReference::Grant(1))
    else {
        panic!("no occupancy");
    };
    assert_eq!(
        in_flight,
        Fill::Impossible {
            claimed: 995,
            of: 32
        }
    );
    assert_eq!(memory.held(), 0);
}

#[test]
fn a_page_that_cannot_be_mapped_is_given_back_and_unknown() {
    let memory = SharedMemory::new(3);
    let pages = GrantedPages(Box::new(memory));
    let read = |domain, page| sample_ring(&pages, DomId(domain), &ring(Layout::BLKIF, page));
    for (domain, page) in [(3, 2), (3, 77), (4, 0)] {
        let reading = read(domain, PageReference::Grant(page));
        assert!(matches!(reading, Reading::Unreadable(_)), "{domain} {page}");
    }
    assert_eq!(read(3, PageReference::Frame(1)), Reading::Missing);
    assert_eq!(memory.held(), 0);
    assert!(
        pages
            .words(DomId(3), PageReference::Grant(0), &[2])
            .is_err()
    );
    assert!(
        pages
            .words(DomId(3), PageReference::Grant(0), &[4096])
            .is_err()
    );
    assert_eq!(memory.held(), 0);
}

#[test]
fn operations_are_numbered_as_in_the_kernels_header() {
    // `_IOC(_IOC_NONE, 'G', 0, 24)` and `_IOC(_IOC_NONE, 'G', 1, 16)`; no direction is zero but on a few machines.
    let number = |opcode: Opcode| opcode & 0x1FFF_FFFF;
    assert_eq!(number(MAP), 24 << 16 | 0x4700);
    assert_eq!(number(UNMAP), 16 << 16 | 0x4701);
}

#[test]
fn a_machine_without_the_device_says_what_is_missing() {
    if Path::new(DEVICE).exists() {
        return;
    }
    let error = GrantedPages::open().unwrap_err().to_string();
    assert!(error.contains("/dev/xen/gntdev"), "{error}");
}
