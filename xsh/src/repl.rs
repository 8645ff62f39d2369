//! The prompt.

mod history;
mod monitor;
mod prompt;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Behavior, ColorMode, CompletionType, Config, Editor, ExternalPrinter as _};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use xenbus::Operations as _;

use crate::editor::{Assistant, Lookup, Scene};
use crate::exit::{Exit, Failure, say};
use crate::notice::Notices;
use crate::shell::Shell;
use history::Lines;
use monitor::Monitor;

/// Most lines of the history.
const HISTORY_MAX: usize = 10_000;

/// How long a command may take to stop after Ctrl-C before its connection is given up.
const PATIENCE: Duration = Duration::from_millis(300);

/// Runs the prompt until somebody leaves it.
pub(crate) fn run(mut shell: Shell) -> Exit {
    match start(&mut shell) {
        Ok(mut repl) => repl.read_and_run(&mut shell),
        Err(failure) => shell.fail(&failure),
    }
}

struct Repl {
    editor: Editor<Assistant, FileHistory>,
    scene: Rc<RefCell<Scene>>,
    lines: Lines,
    monitor: Monitor,
    /// Whether it was said that a transaction is open.
    warned: bool,
}

fn start(shell: &mut Shell) -> Result<Repl, Failure> {
    let client = shell.client().map_err(|failure| {
        failure.hint("xsh --demo shows a simulated host; --connect ADDRESS says where the store is")
    })?;
    let own = client.own_domid().ok();
    let has_color = shell.out.has_color;
    shell.notices = Notices::new(has_color);
    let lookup = Lookup::start(client.clone())
        .map_err(|error| Failure::io("cannot start a thread", &error))?;
    let scene = Rc::new(RefCell::new(Scene {
        cwd: shell.cwd.clone(),
        last: String::new(),
        own,
        aliases: shell.aliases.keys().cloned().collect(),
        settings: shell.settings,
        has_color,
        lookup,
    }));
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_prompt_limit(200)
        .history_ignore_space(true)
        .max_history_size(HISTORY_MAX)
        .map_err(|error| editor_failure(&error))?
        .auto_add_history(false)
        .behavior(Behavior::Stdio)
        .color_mode(if has_color {
            ColorMode::Forced
        } else {
            ColorMode::Disabled
        })
        .build();
    let mut editor =
        Editor::<Assistant, FileHistory>::with_config(config).map_err(|e| editor_failure(&e))?;
    editor.set_helper(Some(Assistant {
        scene: Rc::clone(&scene),
    }));
    match editor.create_external_printer() {
        Ok(mut printer) => shell.notices.print_with(Box::new(move |line| {
            // The terminal is gone when this fails, and with it whoever reads.
            drop(printer.print(line));
        })),
        // A terminal that can nothing: lines come as they come.
        Err(_) => shell
            .notices
            .print_with(Box::new(|line| say(line.trim_end()))),
    }
    .map_err(|error| Failure::io("cannot start a thread", &error))?;
    catch_interrupts(shell)?;
    let lines = Lines::open(&mut editor, shell);
    let monitor = Monitor::start(&client, shell.notices.clone());
    say(&format!(
        "xsh {} at {}. 'help' lists the commands, Tab completes.",
        env!("CARGO_PKG_VERSION"),
        client.address()
    ));
    run_start_file(shell);
    Ok(Repl {
        editor,
        scene,
        lines,
        monitor,
        warned: false,
    })
}

fn editor_failure(error: &ReadlineError) -> Failure {
    Failure::new(Exit::FAILURE, format!("the line editor: {error}"))
}

/// Ctrl-C while a command runs stops the command.
fn catch_interrupts(shell: &Shell) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT])
        .map_err(|error| Failure::io("cannot prepare for signals", &error))?;
    let (interrupt, lines) = (shell.interrupt.clone(), shell.lines.clone());
    let stop = move |_| {
        interrupt.raise();
        // A command that waits for a store which does not answer sees nothing of it.
        if !interrupt.wait_idle(PATIENCE) {
            lines.cut();
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.forever().for_each(stop))
        .map(drop)
        .map_err(|error| Failure::io("cannot start a thread", &error))
}

/// `$XDG_CONFIG_HOME/xsh/xshrc`, if it is there.
fn run_start_file(shell: &mut Shell) {
    let Some(path) = history::directory("XDG_CONFIG_HOME", ".config") else {
        return;
    };
    let path = path.join("xshrc");
    if let Ok(file) = std::fs::File::open(&path) {
        let name = crate::exit::shown(path.as_os_str().as_encoded_bytes());
        crate::script::run(shell, std::io::BufReader::new(file), &name);
        shell.leaving = None;
    }
}

impl Repl {
    fn read_and_run(&mut self, shell: &mut Shell) -> Exit {
        loop {
            self.update_scene(shell);
            let prompt = prompt::prompt(shell, self.monitor.is_lost());
            match self.editor.readline(&prompt) {
                Ok(line) => {
                    self.warned = false;
                    self.lines.add(&mut self.editor, shell, &line);
                    self.run(shell, &line);
                    if let Some(exit) = shell.leaving {
                        return exit;
                    }
                }
                // Ctrl-C: the line is given up.
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => {
                    if shell.transaction().is_some() && !self.warned {
                        self.warned = true;
                        say("a transaction is open; another Ctrl-D leaves, and gives it up");
                        continue;
                    }
                    return shell.status;
                }
                Err(error) => return shell.fail(&editor_failure(&error)),
            }
        }
    }

    fn run(&mut self, shell: &mut Shell, line: &str) {
        shell.interrupt.begin();
        let was_lost = self.monitor.is_lost();
        shell.run_text(line.as_bytes());
        if shell.interrupt.end() {
            shell.status = Exit::INTERRUPTED;
            // The terminal has shown a ^C where the cursor is.
            say("");
        }
        if shell.clears_history {
            shell.clears_history = false;
            self.lines.clear(&mut self.editor);
        }
        // A command that reached the store knows more than a watch that is not set again yet.
        if was_lost && shell.status.is_success() {
            self.monitor.look_again();
        }
        self.scene.borrow().lookup.forget_values();
    }

    fn update_scene(&self, shell: &Shell) {
        let mut scene = self.scene.borrow_mut();
        scene.cwd = shell.cwd.clone();
        scene.last.clone_from(&shell.last);
        scene.aliases = shell.aliases.keys().cloned().collect();
        scene.settings = shell.settings;
        scene.has_color = shell.out.has_color;
    }
}
