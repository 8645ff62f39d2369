//! Everyday programs on a mount.

use xenbus::Operations;
use xenbus_harness::requires_fuse;

use super::rig::{Mount, path};
use crate::stores::for_each_store;

#[test]
fn shell_and_coreutils_see_a_file_system() {
    if !requires_fuse() {
        return;
    }
    for_each_store(|store| {
        let mount = Mount::new(store);
        mount.store.write(&path("/t/a/b"), b"value").unwrap();
        assert_eq!(mount.sh("ls t/a"), "b\n");
        assert_eq!(mount.sh("cat t/a/b"), "value\n");
        mount.sh("echo 4 > t/state; mkdir t/d; echo x > t/d/x");
        assert_eq!(mount.store.read(&path("/t/state")).unwrap(), b"4");
        assert_eq!(
            mount.sh("find t | sort"),
            "t\nt/a\nt/a/b\nt/d\nt/d/x\nt/state\n"
        );
        mount.sh("rm -r t");
        assert!(!mount.store.exists(&path("/t")).unwrap());
    });
}
