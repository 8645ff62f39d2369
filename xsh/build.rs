//! Links the shipped program so that it starts quickly: a script starts the shell for every value that it reads.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set == value);
    if is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
    {
        // At an address by chance the loader has to correct fifteen thousand pointers of tables before `main`, which is
        // a third of the time that `xsh read PATH` takes.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        if is("HOST", &std::env::var("TARGET").unwrap_or_default())
            && let Some(folder) = folder_of("libgcc_eh.a")
        {
            // The unwinder as a part of the program: one library less to find and load.
            println!("cargo::rustc-link-search=native={folder}");
            println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
        }
    }
}

/// Where the C compiler has a library, if it has it.
fn folder_of(library: &str) -> Option<String> {
    let said = Command::new("cc")
        .arg(format!("-print-file-name={library}"))
        .output()
        .ok()?;
    let path = String::from_utf8(said.stdout).ok()?;
    let path = Path::new(path.trim_end());
    let found = path.is_absolute() && path.exists();
    found.then(|| path.parent()?.to_str().map(str::to_owned))?
}
