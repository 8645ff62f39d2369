use super::*;

#[test]
fn every_shipped_scenario_is_valid() {
    for name in Scenario::shipped() {
        let scenario = Scenario::find(name).unwrap();
        assert!(!scenario.domains.is_empty(), "{name}");
    }
    assert_eq!(
        Scenario::find("").unwrap(),
        Scenario::find(Scenario::DEFAULT).unwrap()
    );
}

#[test]
fn nothing_happens_in_the_quiet_scenario() {
    let quiet = Scenario::find("quiet").unwrap();
    assert!(quiet.life.is_empty() && quiet.timeline.is_empty() && quiet.traffic.is_empty());
}

#[test]
fn an_unknown_key_is_an_error_that_names_key_and_line() {
    let yaml = "seed: 2\ndomains:\n  - name: a\n    memroy: 12\n";
    let error = Scenario::parse(yaml).unwrap_err();
    assert!(
        error.contains("memroy") && error.contains("line 4"),
        "{error}"
    );
}

#[test]
fn what_does_not_fit_together_is_one_error_that_names_key_and_line() {
    let a = "domains: [{name: a, disks: [{vdev: xvda, target: /x}]}]\n";
    let step = |keys: &str| format!("{a}timeline:\n  - {{at: 1, {keys}}}");
    for (yaml, expected) in [
        (
            "domains: [{name: a}, {name: a}]".into(),
            "domains[1].name: 'a' is taken at line 1 column 29",
        ),
        ("domains: [{name: Domain-0}]".into(), "taken"),
        (
            "domains: [{name: \"\"}]".into(),
            "domains[0].name: it is empty",
        ),
        ("domains: [{name: a, vcpus: 0}]".into(), "domains[0].vcpus"),
        (
            "domains: [{name: a, domid: 1}, {name: b, domid: 1}]".into(),
            "domains[1].domid: two",
        ),
        (
            "domains: [{name: a, domid: 32752}]".into(),
            "not between 1 and 32751",
        ),
        (
            "domains:\n- name: a\n  disks:\n  - {vdev: nvme0, target: /x}".into(),
            "domains[0].disks[0].vdev: 'nvme0' is no name of a disk such as xvda, hda or sda at line 4 column 12",
        ),
        (
            "domains: [{name: a, disks: [{vdev: xvda, target: /x}, {vdev: xvda, target: /y}]}]"
                .into(),
            "two disks",
        ),
        (
            "domains: [{name: a, disks: [{vdev: xvda, target: /x, ring-pages: 3}]}]".into(),
            "ring-pages",
        ),
        ("domains: [{name: a, vifs: [{mac: 1}]}]".into(), "mac"),
        (
            "domains: [{name: a, vifs: [{mac: '1'}]}]".into(),
            "vifs[0].mac: '1' is not",
        ),
        (
            "domains: [{name: a, vifs: [{rate: fast}]}]".into(),
            "vifs[0].rate",
        ),
        (
            "domains: [{name: a, vifs: [{backend: b}]}]".into(),
            "vifs[0].backend: 'b' is neither",
        ),
        (
            "domains: [{name: b}, {name: a, vifs: [{backend: b}]}]".into(),
            "driver-domain",
        ),
        (
            "host: {domain-0: false}\ndomains: [{name: a, vifs: [{}]}]".into(),
            "no Domain-0 on this host",
        ),
        (
            "domains: [{name: a, devices: [{class: vkbd, id: 0}, {class: vkbd, id: 0}]}]".into(),
            "two vkbd0",
        ),
        (
            "domains: [{name: a, devices: [{class: 'a b'}]}]".into(),
            "devices[0].class",
        ),
        (
            "domains: [{name: a, prebuilt: true, vifs: [{fault: hotplug-hangs}]}]".into(),
            "vifs[0].fault",
        ),
        (
            "domains: [{name: a, vifs: [{fault: bad-luck}]}]".into(),
            "bad-luck",
        ),
        (
            "domains: [{name: 'a%n', count: 300}]".into(),
            "not prebuilt",
        ),
        ("domains: [{name: a, count: 2}]".into(), "'a' is taken"),
        (
            "domains:\n- {name: b, driver-domain: true}\n- {name: a%n, count: 26, vifs: [{backend: b}]}".into(),
            "domains[0]: it serves 26 devices",
        ),
        ("nodes: [{path: x}]".into(), "nodes[0].path"),
        (
            "nodes: [{path: /x, perms: everybody}]".into(),
            "nodes[0].perms",
        ),
        (
            "life: [{every: 1, what: agent, domain: z}]".into(),
            "life[0].domain: there is no domain 'z'",
        ),
        (
            format!("{a}life: [{{every: 0, what: agent, domain: a}}]"),
            "life[0].every",
        ),
        (
            format!("{a}life: [{{every: 1, what: replug, domain: a, device: xvdb}}]"),
            "no device 'xvdb'",
        ),
        (
            format!("{a}traffic: [{{device: vbd, fill: 2}}]"),
            "traffic[0].fill",
        ),
        (
            format!("{a}traffic: [{{domain: a, device: vif0}}]"),
            "no device 'vif0'",
        ),
        (step("do: crash"), "timeline[0]: 'domain' is missing"),
        (step("do: crash, domain: b"), "no domain 'b'"),
        (
            step("do: crash, domain: a, device: xvda"),
            "'device' means nothing",
        ),
        (step("do: unplug, domain: a"), "'device' is missing"),
        (
            step("do: fault, domain: a, device: xvda"),
            "'fault' is missing",
        ),
        (step("do: write, path: /x"), "'value' is missing"),
        (
            step("do: write, path: /x, domain: a, value: y"),
            "timeline[0].domain",
        ),
        (
            step("do: write, domain: a, device: xvda, value: y"),
            "'end' is missing",
        ),
        (
            step("do: write, domain: a, device: xvda, end: sideways, value: y"),
            "sideways",
        ),
        (
            step("do: error, domain: a, device: xvda, end: backend, key: k, value: y"),
            "timeline[0].key",
        ),
        (step("do: dance"), "dance"),
        ("time: backwards".into(), "backwards"),
        ("step: 0".into(), "step"),
    ] {
        let error = Scenario::parse(&yaml).unwrap_err();
        assert!(
            error.contains(expected) && error.contains(" at line "),
            "{yaml}: {error}"
        );
    }
}

#[test]
fn a_number_after_the_name_scales_what_is_counted() {
    let guests = |name: &str| Scenario::find(name).map(|scenario| scenario.domains.len());
    assert_eq!(guests("busy").unwrap(), 42);
    assert_eq!(guests("busy:7").unwrap(), 11);
    assert_eq!(guests("datacenter:3").unwrap(), 3);
    let error = guests("small:7").unwrap_err().to_string();
    assert!(error.contains("cannot be scaled"), "{error}");
    assert!(guests("busy:many").is_err() && guests("busy:-1").is_err());
    for (name, copies) in [("busy:0", "0 copies"), ("datacenter:99999", "99999 copies")] {
        let error = guests(name).unwrap_err().to_string();
        assert!(error.contains(copies) && error.contains("20000"), "{error}");
    }
}

#[test]
fn a_file_that_is_none_or_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = Scenario::load(directory.path()).unwrap_err().to_string();
    assert!(error.contains("regular file"), "{error}");
    let large = directory.path().join("large");
    std::fs::File::create(&large)
        .unwrap()
        .set_len(FILE_MAX + 1)
        .unwrap();
    assert!(Scenario::load(&large).is_err());
    let error = Scenario::find("no\x1bsuch").unwrap_err().to_string();
    assert!(
        error.contains("small") && !error.contains('\x1b'),
        "{error}"
    );
}
