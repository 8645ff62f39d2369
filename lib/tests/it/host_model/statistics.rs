//! Files of a real host, below a directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use xenbus::counters::{Fill, Index, Meter, Root, Width};
use xenbus::device::{Moment, Reading};

const SAMPLES: &str = include_str!("../fixtures/host_model/statistics.txt");

const DISK: &str = "backend/vbd/1/51712";
const NET: &str = "backend/vif/1/0";
const LIMITED: &str = "backend/vif/2/1";

/// The samples with their times, each as files and their contents.
fn samples() -> Vec<(Moment, BTreeMap<String, String>)> {
    SAMPLES
        .split("## ")
        .skip(1)
        .map(|sample| {
            let (time, lines) = sample.split_once('\n').unwrap();
            let mut files: BTreeMap<String, String> = BTreeMap::new();
            for line in lines.lines() {
                let at = line.find([' ', ':']).unwrap();
                let (file, text) = line.split_at(at);
                let text = &text[1..];
                let whole = files.entry(file.to_owned()).or_default();
                whole.push_str(text);
                whole.push('\n');
            }
            let time = Duration::from_secs_f64(time.parse().unwrap());
            (Moment(time), files)
        })
        .collect()
}

/// Lays out a sample as the system does; the first guest's interface has been renamed by its script.
fn lay_out(root: &Path, files: &BTreeMap<String, String>) {
    let put = |file: &str, text: &str| {
        let file = root.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    for (file, text) in files {
        put(&file.replace("net/vif1.0", "net/web"), text);
    }
    let devices = "sys/bus/xen-backend/devices";
    put(
        &format!("{devices}/vbd-1-51712/nodename"),
        &format!("{DISK}\n"),
    );
    put(&format!("{devices}/vbd-1-51712/physical_device"), "7:1\n");
    put(&format!("{devices}/vbd-1-51712/state"), "Connected\n");
    put(&format!("{devices}/vbd-1-51712/xenbus/events"), "255\n");
    put(&format!("{devices}/vif-1-0/nodename"), &format!("{NET}\n"));
    put("sys/class/net/web/device/nodename", &format!("{NET}\n"));
    put(
        "sys/class/net/vif2.1/device/nodename",
        &format!("{LIMITED}\n"),
    );
    put("sys/class/net/lo/mtu", "65536\n");
}

#[test]
fn numbers_are_those_that_xentop_printed() {
    let directory = tempfile::tempdir().unwrap();
    let (_, files) = &samples()[0];
    lay_out(directory.path(), files);
    let root = Root::new(directory.path());
    let index = Index::build(&root);
    assert_eq!(index.node_names().collect::<Vec<_>>(), [DISK, NET]);

    let disk = index.backend(&root, DISK);
    let block = disk.block();
    let block = block.known().unwrap();
    assert_eq!(
        (&block.reads, &block.writes),
        (&Reading::Known(531), &Reading::Known(33))
    );
    assert_eq!(block.sectors_read, Reading::Known(4248));
    assert_eq!(disk.physical_device().to_string(), "7:1");
    assert_eq!(disk.state().to_string(), "Connected");
    let events = disk.events();
    assert_eq!(events.known().unwrap().events, Reading::Known(255));
    assert!(events.known().unwrap().channels.is_missing());
    assert!(disk.net().is_missing() && disk.netback().is_missing());

    let net = index.backend(&root, NET);
    assert_eq!(net.interface(), Some("web"));
    let stats = net.net();
    let stats = stats.known().unwrap();
    assert_eq!(
        stats.rx_bytes,
        Reading::Known(889_119),
        "the guest receives what the vif sends"
    );
    assert_eq!(stats.tx_packets, Reading::Known(146));
    assert!(stats.rx_dropped.is_missing() && net.block().is_missing());

    let rings = net.netback();
    let [queue] = &rings.known().unwrap()[..] else {
        panic!("{rings:?}")
    };
    assert_eq!(
        queue.tx.unwrap().in_flight(),
        Fill::Used { used: 0, of: 256 }
    );
    assert_eq!(
        queue.rx.unwrap().posted(),
        Fill::Used { used: 256, of: 256 }
    );
    assert_eq!((queue.rx.unwrap().req_event, queue.credit.bytes), (1, None));
    let limited = index.backend(&root, LIMITED).netback();
    assert_eq!(limited.known().unwrap()[0].credit.bytes, Some(62500));

    let nobody = index.backend(&root, "backend/vbd/9/51712");
    assert!(nobody.block().is_missing() && nobody.events().is_missing());
}

#[test]
fn two_samples_make_rates_and_a_new_backend_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::new(directory.path());
    let mut meter = Meter::new(Width::Bits64);
    let mut index_meter = Meter::new(Width::Bits32);
    let mut rates = Vec::new();
    for (at, files) in samples() {
        lay_out(directory.path(), &files);
        let index = Index::build(&root);
        let block = index.backend(&root, DISK).block();
        let rings = index.backend(&root, NET).netback();
        let produced = rings.known().unwrap()[0].tx.unwrap().req_prod;
        rates.push((
            meter.sample(at, &block.known().unwrap().reads),
            index_meter.sample(at, &Reading::Known(produced.into())),
        ));
    }
    let seconds = 1_795_347_760.359_202 - 1_795_347_756.809_639;
    let near = |rate: Option<f64>, steps: f64| (rate.unwrap() - steps / seconds).abs() < 1e-3;
    assert_eq!(rates[0], (None, None));
    assert!(near(rates[1].0, 16.0) && near(rates[1].1, 3.0), "{rates:?}");
}
