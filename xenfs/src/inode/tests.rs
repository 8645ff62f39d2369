use super::*;

const FILE: Presentation = Presentation {
    view: View::Plain,
    shape: Shape::File,
};
const DIRECTORY: Presentation = Presentation {
    view: View::Plain,
    shape: Shape::Directory,
};

fn path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}

#[test]
fn the_root_is_nodeid_1_and_is_never_forgotten() {
    let mut inodes = Inodes::new(&path("/local"), Space::MAIN);
    inodes.forget(ROOT, 100);
    let root = inodes.resolve(ROOT).unwrap();
    assert_eq!((root.id, root.path), (ROOT, path("/local")));
    assert_eq!(inodes.number_of(&path("/local"), DIRECTORY), ROOT);
}

#[test]
fn presentations_of_a_node_have_different_nodeids_that_lead_back_to_it() {
    let mut inodes = Inodes::new(&StorePath::root(), Space::MAIN);
    let mut seen = std::collections::HashSet::new();
    for view in [View::Plain, View::Directories] {
        for shape in [Shape::Directory, Shape::File, Shape::Value] {
            let presentation = Presentation { view, shape };
            let node = inodes.look_up(&path("/a"), presentation);
            assert!(seen.insert(node.id));
            let again = inodes.resolve(node.id).unwrap();
            assert_eq!(again.presentation, presentation);
            assert_eq!(again.path, path("/a"));
        }
    }
}

#[test]
fn a_forgotten_node_keeps_its_number_and_its_type() {
    let mut inodes = Inodes::new(&StorePath::root(), Space::MAIN);
    let node = inodes.look_up(&path("/a"), DIRECTORY);
    inodes.remember(&path("/a"), |known| known.kind = Some(Kind::Directory));
    assert_eq!(inodes.forget(node.id, 1), Some(path("/a")));
    assert_eq!(inodes.known(&path("/a")).kind, Some(Kind::Directory));
    assert_eq!(inodes.look_up(&path("/a"), DIRECTORY).id, node.id);
}

#[test]
fn the_longest_unused_of_too_many_idle_nodes_is_dropped_and_a_known_one_never() {
    let mut inodes = Inodes::remembering(&StorePath::root(), Space::MAIN, 2);
    let held = inodes.look_up(&path("/held"), FILE);
    for name in ["/a", "/b", "/c"] {
        inodes.remember(&path(name), |known| known.kind = Some(Kind::Directory));
    }
    assert_eq!(inodes.known(&path("/a")).kind, None);
    assert_eq!(inodes.known(&path("/b")).kind, Some(Kind::Directory));
    assert_eq!(inodes.known(&path("/c")).kind, Some(Kind::Directory));
    assert!(inodes.resolve(held.id).is_ok());
}

#[test]
fn a_node_made_again_after_its_removal_here_is_another_one() {
    let mut inodes = Inodes::new(&StorePath::root(), Space::MAIN);
    let old = inodes.look_up(&path("/d"), DIRECTORY);
    let below = inodes.look_up(&path("/d/x"), FILE);
    let beside = inodes.look_up(&path("/d-x"), FILE);
    inodes.detach(&path("/d"));
    assert_eq!(inodes.resolve(old.id).unwrap_err(), Errno::ENOENT);
    assert_eq!(inodes.resolve(below.id).unwrap_err(), Errno::ENOENT);
    assert!(inodes.resolve(beside.id).is_ok());
    let new = inodes.look_up(&path("/d"), DIRECTORY);
    assert_ne!(new.id, old.id);
    assert_eq!(inodes.forget(old.id, 1), None, "the other one is known");
    assert_eq!(inodes.resolve(old.id).unwrap_err(), Errno::ESTALE);
    assert!(inodes.resolve(new.id).is_ok());
}

#[test]
fn a_rename_takes_the_subtree_along_and_replaces_the_target() {
    let mut inodes = Inodes::new(&StorePath::root(), Space::MAIN);
    let moved = inodes.look_up(&path("/a/b"), FILE);
    let replaced = inodes.look_up(&path("/c"), DIRECTORY);
    inodes.rename(&path("/a"), &path("/c"));
    assert_eq!(inodes.resolve(moved.id).unwrap().path, path("/c/b"));
    assert_eq!(inodes.resolve(replaced.id).unwrap_err(), Errno::ENOENT);
    assert_eq!(inodes.look_up(&path("/c/b"), FILE).id, moved.id);
}

#[test]
fn a_number_that_was_never_given_out_is_stale() {
    assert_eq!(
        Inodes::new(&StorePath::root(), Space::MAIN)
            .resolve(77)
            .unwrap_err(),
        Errno::ESTALE
    );
}

#[test]
fn trees_give_the_same_node_numbers_of_their_own() {
    let space = Space::MAIN.next();
    let mut main = Inodes::new(&StorePath::root(), Space::MAIN);
    let mut other = Inodes::new(&StorePath::root(), space);
    let known = other.look_up(&path("/a"), FILE);
    assert_ne!(main.look_up(&path("/a"), FILE).id, known.id);
    assert_eq!(Space::of(known.id), space);
    assert_eq!(other.resolve(known.id).unwrap().path, path("/a"));
    let root = other.look_up(&StorePath::root(), DIRECTORY).id;
    assert!(root != ROOT && other.is_root(root) && main.is_root(ROOT));
    other.forget(known.id, 1);
    assert!(other.is_known());
    other.forget(root, 1);
    assert!(!other.is_known());
}

#[test]
fn the_room_of_a_large_tree_is_given_back_when_it_is_gone() {
    let mut inodes = Inodes::new(&StorePath::root(), Space::MAIN);
    for number in 0..50_000 {
        let node = path(&format!("/large/{number}"));
        inodes.remember(&node, |known| known.kind = Some(Kind::Directory));
    }
    assert!(inodes.records.capacity() >= 50_000);
    inodes.detach(&path("/large"));
    assert_eq!(inodes.count(), 1);
    assert!(inodes.records.capacity() < 10_000);
}

#[test]
fn the_highest_file_above_a_node_counts_whatever_is_remembered_below_it() {
    let mut inodes = Inodes::new(&StorePath::root(), Space::MAIN);
    let node = path("/a/b/c/d");
    let above = |inodes: &Inodes, file: Option<&str>, directory: (&str, &str)| {
        let expected = Above {
            file: file.map(path),
            directory: Some((path(directory.0), path(directory.1))),
        };
        assert_eq!(inodes.above(&node), expected);
    };
    above(&inodes, None, ("/", "/a"));
    // Of another node, which is gone.
    inodes.remember(&path("/a/b"), |known| known.kind = Some(Kind::File));
    above(&inodes, Some("/a/b"), ("/", "/a"));
    inodes.remember(&path("/a"), |known| known.kind = Some(Kind::File));
    above(&inodes, Some("/a"), ("/", "/a"));
    inodes.look_up(&path("/a"), FILE);
    above(&inodes, Some("/a"), ("/", "/a"));
    // A look has come before the event.
    inodes.look_up(&path("/a"), DIRECTORY);
    above(&inodes, Some("/a"), ("/", "/a"));
    inodes.remember(&path("/a"), |known| known.kind = Some(Kind::Directory));
    above(&inodes, Some("/a/b"), ("/a", "/a/b"));
    let every = Presentation {
        view: View::Directories,
        ..DIRECTORY
    };
    inodes.look_up(&path("/a/b"), every);
    above(&inodes, Some("/a/b"), ("/a", "/a/b"));
    inodes.look_up(&path("/a/b/c"), every);
    above(&inodes, None, ("/a/b/c", "/a/b/c/d"));
}
