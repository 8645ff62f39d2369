use std::process::{Command, Output};

/// Runs the test that skips in a process of its own.
fn run(ci: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "skip::tests::skips_where_it_is_told_to"])
        .env("XENBUS_HARNESS_SKIP", "1")
        .env_remove("CI");
    if let Some(ci) = ci {
        command.env("CI", ci);
    }
    command.output().unwrap()
}

#[test]
fn skips_where_it_is_told_to() {
    if std::env::var_os("XENBUS_HARNESS_SKIP").is_some() {
        let can = super::requires("a unicorn", || Err("there is none".into()));
        assert!(!can);
    }
}

#[test]
fn a_skip_is_visible_although_the_test_passes_and_a_failure_in_ci() {
    let skipped = run(None);
    assert!(skipped.status.success());
    let said = String::from_utf8(skipped.stderr).unwrap();
    assert!(
        said.contains(
            "skipped: skip::tests::skips_where_it_is_told_to: needs a unicorn: there is none"
        ),
        "{said}"
    );
    assert!(!run(Some("true")).status.success());
    assert!(run(Some("false")).status.success());
}

#[test]
fn tools_are_found_by_name_or_not_at_all() {
    assert!(super::find_tool("sh").is_some());
    assert!(super::find_tool("no-such-program-anywhere").is_none());
}

#[test]
fn versions_are_compared_as_numbers() {
    let version = |path: &str| super::version(path.as_ref());
    assert!(version("/usr/lib/xen-4.17/bin") > version("/usr/lib/xen-4.9/bin"));
    assert!(version("/usr/lib/xen-common/bin") < version("/usr/lib/xen-4.9/bin"));
}
