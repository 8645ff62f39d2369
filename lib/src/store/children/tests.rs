use proptest::prelude::*;

use super::*;

fn names(children: &Children) -> Vec<&[u8]> {
    children.iter().map(Child::name).collect()
}

proptest! {
    #[test]
    fn a_list_keeps_the_order_of_creation_and_copies_are_independent(
        steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..600),
        copy_at in any::<prop::sample::Index>(),
    ) {
        let (mut children, mut model) = (Children::default(), Vec::<(u64, String)>::new());
        let mut copy = None;
        let copy_at = copy_at.index(steps.len() + 1);
        for (step, (add, which)) in steps.iter().enumerate() {
            if step == copy_at {
                copy = Some((children.clone(), model.clone()));
            }
            if *add || model.is_empty() {
                let name = "x".repeat(step % 7 + 1) + &step.to_string();
                let order = children.push(name.as_bytes(), None);
                model.push((order, name));
            } else {
                let (order, _) = model.remove(which.index(model.len()));
                prop_assert!(children.remove(order));
                prop_assert!(!children.remove(order));
            }
        }
        for (children, model) in copy.iter().chain([&(children, model)]) {
            let expected: Vec<_> = model.iter().map(|(_, n)| n.as_bytes()).collect();
            prop_assert_eq!(names(children), expected);
            prop_assert_eq!(children.len(), model.len());
            for (at, (order, name)) in model.iter().enumerate() {
                prop_assert_eq!(children.get(*order).unwrap().name(), name.as_bytes());
                prop_assert_eq!(children.find(name.as_bytes()).unwrap().order(), *order);
                prop_assert_eq!(children.iter_since(*order).count(), model.len() - at);
            }
            let list = model.iter().map(|(_, n)| n.clone() + "\0").collect::<String>();
            prop_assert_eq!(children.bytes(), list.len());
            for offset in 0..list.len() {
                let (mut iter, within) = children.iter_from(offset);
                let rest = [&iter.next().unwrap().name()[within..], b"\0"].concat();
                prop_assert!(list.as_bytes()[offset..].starts_with(&rest));
            }
        }
    }
}

#[test]
fn a_hundred_thousand_children_come_and_go() {
    let mut children = Children::default();
    let orders: Vec<u64> = (0..100_000)
        .map(|n| children.push(n.to_string().as_bytes(), None))
        .collect();
    assert_eq!(children.iter().count(), 100_000);
    for order in orders {
        assert!(children.remove(order));
    }
    assert_eq!((children.iter().count(), children.bytes()), (0, 0));
}

#[test]
fn a_child_is_removed_by_its_name_wherever_it_is_now() {
    let mut children = Children::default();
    let order = children.push(b"a", None);
    children.push(b"b", None);
    assert!(children.remove_named(Some(order), b"b"));
    assert!(!children.remove_named(Some(order), b"b"));
    assert!(children.remove_named(None, b"a"));
    assert_eq!(children.len(), 0);
}
