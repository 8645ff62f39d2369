//! `export`, `import`, `diff`, `edit` and `undo`.

use std::fmt::Write as _;
use std::fs;

use crate::stores::{Store, for_each_store};

const PLANT: &str = r#"set /doc/a 1; set /doc/b/c "x\n\x1b\xff"; perm /doc/b n0,r0; set /doc/no no; mkdir /doc/empty"#;

/// What `export` writes of [`PLANT`].
const EXPORTED: &str = r#"xenstore: 1
root: /doc
nodes:
  ".": {value: "", perms: [n0]}
  a: {value: "1", perms: [n0]}
  b: {value: "", perms: [n0, r0]}
  b/c: {base64: "eAob/w==", perms: [n0]}
  empty: {value: "", perms: [n0]}
  "no": {value: "no", perms: [n0]}
"#;

fn planted(store: &Store) -> tempfile::TempDir {
    store.does(PLANT);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("d.yaml"), EXPORTED).unwrap();
    directory
}

#[test]
fn what_is_exported_is_imported_again_and_a_diff_says_so() {
    for_each_store(|store| {
        let directory = planted(store);
        let file = directory.path().join("d.yaml");
        let file = file.to_str().unwrap();
        assert_eq!(store.does("export /doc"), EXPORTED);
        assert_eq!(store.does("export -s /doc"), EXPORTED);
        assert_eq!(store.does("cd /doc; export"), EXPORTED);
        assert_eq!(store.does(&format!("diff {file}")), "");
        store.does("set /doc/a 2; set /doc/new/x y; perm /doc/no n0,r5; rm -rf /doc/b");
        let expected = "- /doc/a = \"1\"\n+ /doc/a = \"2\"\n- /doc/b = \"\" (n0,r0)\n\
                        - /doc/b/c = \"x\\n\\x1b\\xff\" (n0)\n+ /doc/new = \"\" (n0)\n+ /doc/new/x = \"y\" (n0)\n\
                        - /doc/no (n0)\n+ /doc/no (n0,r5)\n";
        let (code, changes, said) = store.run(&["diff", file]);
        assert_eq!((code, changes.as_str()), (Some(1), expected), "{said}");
        assert_eq!(store.run(&["diff", "-q", file]).0, Some(1));
        let (code, shown, _) = store.run(&["import", "-n", "--replace", file]);
        assert_eq!((code, shown.lines().count()), (Some(0), 8), "{shown}");
        assert_eq!(
            store.run(&["diff", file]).1,
            expected,
            "a dry run changes nothing"
        );
        let (code, _, said) = store.run(&["import", "--replace", file]);
        assert_eq!(code, Some(2), "nobody can be asked");
        assert!(said.contains("-f"), "{said}");
        store.does(&format!("import {file}"));
        assert_eq!(
            store.run(&["diff", file]).1,
            "+ /doc/new = \"\" (n0)\n+ /doc/new/x = \"y\" (n0)\n"
        );
        store.does(&format!("import --replace -f {file}"));
        assert_eq!(store.does("export /doc"), EXPORTED);
    });
}

#[test]
fn json_standard_input_and_another_place_are_taken() {
    for_each_store(|store| {
        store.does(PLANT);
        let json = store.run(&["-o", "json", "export", "/doc"]).1;
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["nodes"]["b/c"]["base64"], "eAob/w==");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("d.json");
        fs::write(&file, &json).unwrap();
        let (code, _, said) = store.run_with(&["import", "--to", "/copy/here"], |command| {
            command.stdin(fs::File::open(&file).unwrap());
        });
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(store.does("diff /doc /copy/here"), "");
        store.does("set /copy/here/a changed; rm /copy/here/no");
        let (code, changes, _) = store.run(&["diff", "/doc", "/copy/here"]);
        assert_eq!(
            (code, changes.as_str()),
            (
                Some(1),
                "- a = \"1\"\n+ a = \"changed\"\n- no = \"no\" (n0)\n"
            )
        );
        let file = file.to_str().unwrap();
        let (code, rows, _) = store.run(&["-o", "jsonl", "diff", file, "/copy/here"]);
        let rows: Vec<serde_json::Value> = rows
            .lines()
            .map(|row| serde_json::from_str(row).unwrap())
            .collect();
        assert_eq!((code, rows.len()), (Some(1), 2));
        assert_eq!(rows[0]["old"], "1");
        assert_eq!(rows[1]["change"], "remove");
    });
}

#[test]
fn what_is_wrong_with_a_document_is_said_and_nothing_is_done() {
    let store = Store::Embedded(crate::process::Serve::start(&[]));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("d.yaml");
    for (text, reason, code) in [
        (
            "xenstore: 1\nroot: /x\nnodes:\n  a: {value: ~}\n",
            "null",
            2,
        ),
        (
            "xenstore: 1\nroot: /x\nnodes:\n  a: {}\n  a: {}\n",
            "twice",
            2,
        ),
        ("\u{1b}[31m", "document", 2),
        (
            "xenstore: 1\nroot: /x\nnodes:\n  a: {value: v, perms: [n77]}\n",
            "domain 77",
            2,
        ),
    ] {
        fs::write(&file, text).unwrap();
        let (status, _, said) = store.run(&["import", file.to_str().unwrap()]);
        assert_eq!(status, Some(code), "{text}: {said}");
        assert!(
            said.contains(reason) && !said.contains('\x1b'),
            "{text}: {said}"
        );
        assert_eq!(store.run(&["stat", "/x"]).0, Some(1), "{text}");
    }
    let (status, _, said) = store.run(&["import", "/nonexistent.yaml"]);
    assert!(status == Some(1) && said.contains("nonexistent"), "{said}");
    for wrong in [
        &["export", "/no"][..],
        &["diff", "/no", "/tool"],
        &["diff", "/tool"],
        &["export", "-o", "csv", "/"],
    ] {
        assert_ne!(store.run(wrong).0, Some(0), "{wrong:?}");
    }
}

#[test]
fn an_import_into_an_open_transaction_belongs_to_it() {
    for_each_store(|store| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("d.yaml");
        fs::write(&file, EXPORTED).unwrap();
        let file = file.display();
        store.does(&format!("tx begin; import {file}; tx abort"));
        assert_eq!(store.run(&["stat", "/doc"]).0, Some(1));
        store.does(&format!("tx {{ import {file} }}"));
        assert_eq!(store.does("export /doc"), EXPORTED);
    });
}

#[test]
fn a_large_import_says_that_it_takes_several_transactions() {
    for_each_store(|store| {
        let mut text = String::from("xenstore: 1\nroot: /many\nnodes:\n");
        for node in 0..1500 {
            writeln!(
                text,
                "  d{}/n{node}: {{value: \"{node}\", perms: [n0]}}",
                node % 40
            )
            .unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("many.yaml");
        fs::write(&file, text).unwrap();
        let (code, _, said) = store.run(&["import", "--replace", file.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("1500 changes in 2 transactions"), "{said}");
        assert_eq!(store.does("count /many").trim(), "1541");
    });
}

#[test]
fn an_editor_changes_values_and_documents_in_one_step() {
    for_each_store(|store| {
        store.does(PLANT);
        let edit = |editor: &str, arguments: &[&str]| {
            store.run_with(arguments, |command| {
                command.env("EDITOR", editor).env_remove("VISUAL");
            })
        };
        let (code, shown, said) = edit("sed -i s/1/one/", &["edit", "-f", "/doc/a"]);
        assert_eq!(
            (code, shown.as_str()),
            (Some(0), "- /doc/a = \"1\"\n+ /doc/a = \"one\"\n"),
            "{said}"
        );
        assert_eq!(store.does("cat /doc/a"), "one\n");
        let (code, shown, said) = edit("sed -i -e /b.c/d -e s/r0/r9/", &["edit", "-rf", "/doc"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(
            shown,
            "- /doc/b (n0,r0)\n+ /doc/b (n0,r9)\n- /doc/b/c = \"x\\n\\x1b\\xff\" (n0)\n"
        );
        assert_eq!(store.run(&["stat", "/doc/b/c"]).0, Some(1));
        let (code, _, said) = edit("true", &["edit", "-f", "/doc/a"]);
        assert!(
            code == Some(0) && said.contains("nothing was changed"),
            "{said}"
        );
        let (code, _, said) = edit("false", &["edit", "-f", "/doc/a"]);
        assert!(code == Some(1) && said.contains("false"), "{said}");
        let (code, _, said) = edit("sed -i s/one/two/", &["edit", "/doc/a"]);
        assert!(
            code == Some(2) && said.contains("your text is in"),
            "{said}"
        );
        assert_eq!(store.does("cat /doc/a"), "one\n");
        let kept = said.rsplit(' ').next().unwrap().trim();
        assert_eq!(fs::read_to_string(kept).unwrap(), "two\n");
        fs::remove_file(kept).unwrap();
        let (code, shown, _) = edit("sh -c 'echo made > $1' sh", &["edit", "-f", "/doc/fresh"]);
        assert_eq!(
            (code, shown.as_str()),
            (Some(0), "+ /doc/fresh = \"made\"\n")
        );
        let (_, shown, _) = edit("sed -i s/made/x/", &["edit", "-n", "/doc/fresh"]);
        assert!(shown.contains("+ /doc/fresh = \"x\""), "{shown}");
        assert_eq!(store.does("cat /doc/fresh"), "made\n");
    });
}

#[test]
fn somebody_elses_change_while_the_editor_is_open_is_not_overwritten() {
    for_each_store(|store| {
        store.does(PLANT);
        let meddle = format!(
            "{} set /doc/a theirs; sed -i s/1/mine/",
            env!("CARGO_BIN_EXE_xsh")
        );
        let (code, _, said) = store.run_with(&["edit", "-f", "/doc/a"], |command| {
            command.env("EDITOR", meddle).env_remove("VISUAL");
        });
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains("meanwhile"), "{said}");
        assert_eq!(store.does("cat /doc/a"), "theirs\n");
        let kept = said.rsplit(' ').next().unwrap().trim();
        fs::remove_file(kept).unwrap();
    });
}

#[test]
fn undo_puts_back_everything_that_the_session_changed() {
    for_each_store(|store| {
        let directory = planted(store);
        let before = store.does("export /doc");
        let file = directory.path().join("other.yaml");
        fs::write(
            &file,
            "xenstore: 1\nroot: /doc\nnodes:\n  a: {value: changed, perms: [n0, b3]}\n  new/deep/er: {value: x}\n",
        )
        .unwrap();
        let file = file.display();
        let after = store.does(&format!(
            "set /doc/a 5; rm -rf /doc/b; perm /doc/no n0,r3; mkdir /doc/x/y; import --replace -f {file}; \
             mv /doc/new /doc/moved; undo 6; export /doc"
        ));
        assert_eq!(after, before);
        let listed = store.does(
            "set /doc/a 5; set /doc/a 6; undo -l; undo -n; undo; cat /doc/a; undo; cat /doc/a",
        );
        assert_eq!(
            listed,
            "   1  set /doc/a (1 node)\n   2  set /doc/a (1 node)\n- /doc/a = \"6\"\n+ /doc/a = \"5\"\n5\n1\n"
        );
        let (code, _, said) = store.run(&["-c", "undo"]);
        assert!(
            code == Some(1) && said.contains("nothing to undo"),
            "{said}"
        );
        let other = format!("!{} set /doc/a theirs", env!("CARGO_BIN_EXE_xsh"));
        let (code, _, said) = store.run(&["-c", &format!("set /doc/a mine\n{other}\nundo")]);
        assert!(
            code == Some(1) && said.contains("was changed since"),
            "{said}"
        );
        assert_eq!(store.does("cat /doc/a"), "theirs\n");
        store.does(&format!("set /doc/a mine\n{other}\nundo -f"));
        assert_eq!(
            store.does("cat /doc/a"),
            "theirs\n",
            "what was there before"
        );
        // What failed did nothing, and is not in the way of what was done before.
        let long = "x".repeat(5000);
        let script = format!("set /doc/a 7; set /doc/a 8; set /doc/a {long} || undo; cat /doc/a");
        assert_eq!(store.does(&script), "7\n");
        let (code, _, said) = store.run(&["-c", "tx begin; set /doc/a 9; undo"]);
        assert!(code == Some(2) && said.contains("tx abort"), "{said}");
    });
}
