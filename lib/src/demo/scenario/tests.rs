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
fn an_unknown_key_is_an_error_that_names_key_and_line() {
    let yaml = "seed: 2\ndomains:\n  - name: a\n    memroy: 12\n";
    let error = Scenario::parse(yaml).unwrap_err();
    assert!(
        error.contains("memroy") && error.contains("line 4"),
        "{error}"
    );
}

#[test]
fn what_does_not_fit_together_is_one_clear_error() {
    for (yaml, expected) in [
        ("domains: [{name: a}, {name: a}]", "taken"),
        ("domains: [{name: Domain-0}]", "taken"),
        ("domains: [{name: \"\"}]", "name is empty"),
        ("domains: [{name: a, vcpus: 0}]", "vcpus"),
        (
            "domains: [{name: a, disks: [{vdev: sda, target: /x}]}]",
            "xvda to xvdp",
        ),
        (
            "domains: [{name: a, disks: [{vdev: xvda, target: /x}, {vdev: xvda, target: /y}]}]",
            "two disks",
        ),
        ("domains: [{name: a, vifs: [{mac: 1}]}]", "mac"),
        (
            "domains: [{name: a, vifs: [{backend: b}]}]",
            "above this one",
        ),
        (
            "domains: [{name: b}, {name: a, vifs: [{backend: b}]}]",
            "driver-domain",
        ),
        (
            "life: [{every: 1, what: agent, domain: z}]",
            "no such domain",
        ),
        (
            "domains: [{name: a}]\nlife: [{every: 0, what: agent, domain: a}]",
            "every",
        ),
        (
            "domains: [{name: a}]\nlife: [{every: 1, what: replug, domain: a, device: xvda}]",
            "no device",
        ),
    ] {
        let error = Scenario::parse(yaml).unwrap_err();
        assert!(error.contains(expected), "{yaml}: {error}");
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
