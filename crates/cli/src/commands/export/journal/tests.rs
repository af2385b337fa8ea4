//! The journal of an export, killed after any step.

use super::*;

fn wish() -> Wish {
    let text = |text: &str| text.to_owned();
    Wish {
        org: text("https://contoso.crm4.dynamics.com"),
        caller: text("a"),
        query: text("contacts"),
        format: text("csv"),
        select: Vec::new(),
        annotations: false,
        page_size: Some(200),
    }
}

fn open(files: &Files) -> (Journal, File) {
    match files.open(&wish()).unwrap() {
        Left::Open(journal, file) => (journal, *file),
        Left::Whole(journal) => panic!("{journal:?} is whole"),
    }
}

/// What a run does until it is killed: after so many of its steps.
fn run(folder: &Path, steps: usize) {
    let files = Files::lock(&folder.join("a.csv"), false).unwrap();
    let mut left = steps;
    let mut next = || {
        left = left.saturating_sub(1);
        left > 0
    };
    let (mut journal, mut file) = open(&files);
    for (page, text) in ["a\n1\n", "2\n"].iter().enumerate().skip(usize::try_from(journal.pages).unwrap()) {
        // Half of it, all of it, and what the journal says of it.
        file.write_all(&text.as_bytes()[..1]).unwrap();
        if !next() {
            return;
        }
        file.write_all(&text.as_bytes()[1..]).unwrap();
        if !next() {
            return;
        }
        journal.bytes += text.len() as u64;
        (journal.rows, journal.pages) = (journal.rows + 1, page as u64 + 1);
        files.save(&journal).unwrap();
        if !next() {
            return;
        }
    }
    files.close(&mut file, "end\n", &mut journal).unwrap();
    if !next() {
        return;
    }
    journal.is_whole = true;
    files.save(&journal).unwrap();
    if !next() {
        return;
    }
    std::fs::rename(&files.part, &files.output).unwrap();
}

#[test]
fn whichever_step_a_run_is_killed_after_the_next_one_ends_with_the_same_file() {
    for steps in 0..=9 {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a.csv");
        if steps == 0 {
            // The journal was written, and no part made.
            let files = Files::lock(&output, false).unwrap();
            drop(open(&files));
            std::fs::remove_file(&files.part).unwrap();
        } else {
            run(folder.path(), steps);
        }
        assert!(steps > 8 || !output.exists(), "{steps}: a part has the name of the whole");
        let files = Files::lock(&output, false).unwrap();
        files.check_output(false).unwrap();
        let (journal, file) = match files.open(&wish()).unwrap() {
            Left::Open(journal, file) => (journal, Some(*file)),
            Left::Whole(journal) => (journal, None),
        };
        let mut journal = journal;
        if let Some(mut file) = file {
            for text in ["a\n1\n", "2\n"].iter().skip(usize::try_from(journal.pages).unwrap()) {
                journal.pages += 1;
                files.add(&mut file, text, &mut journal).unwrap();
            }
            files.close(&mut file, "end\n", &mut journal).unwrap();
        }
        files.end(&mut journal).unwrap();
        drop(files);
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "a\n1\n2\nend\n", "killed after {steps} steps");
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a.csv"], "{steps}");
    }
}

#[test]
fn a_journal_of_nothing_gives_way_to_another_export() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::lock(&folder.path().join("a.csv"), false).unwrap();
    let other = Wish { query: "accounts".to_owned(), ..wish() };
    drop(open(&files));
    let Left::Open(journal, mut file) = files.open(&other).unwrap() else { panic!("it is whole") };
    assert_eq!(journal.wish, other);
    // A byte of it, and it stays.
    file.write_all(b"a").unwrap();
    files.take_back(&journal);
    let Err(failure) = files.open(&wish()) else { panic!("it is of another export") };
    assert!(failure.message().contains("is of another export: its query was `accounts`"), "{failure:?}");
    file.set_len(0).unwrap();
    files.take_back(&journal);
    assert!(!files.journal.exists() && !files.part.exists());
}

#[test]
fn a_file_that_is_not_the_one_that_was_whole_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), 9);
    std::fs::write(folder.path().join("a.csv"), "another").unwrap();
    for (overwrite, hint) in [(false, "--overwrite"), (true, "--restart")] {
        let files = Files::lock(&folder.path().join("a.csv"), overwrite).unwrap();
        assert_eq!(files.check_output(false).is_ok(), overwrite);
        let Left::Whole(mut journal) = files.open(&wish()).unwrap() else { panic!("it is whole") };
        let failure = files.end(&mut journal).unwrap_err();
        assert!(failure.hints()[0].contains(hint), "{failure:?}");
        assert_eq!(std::fs::read_to_string(folder.path().join("a.csv")).unwrap(), "another");
    }
}

#[test]
fn a_file_that_was_made_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.csv");
    let files = Files::lock(&output, false).unwrap();
    files.check_output(false).unwrap();
    let (mut journal, mut file) = open(&files);
    files.add(&mut file, "a\n1\n", &mut journal).unwrap();
    std::fs::write(&output, "mine").unwrap();
    for restart in [false, true] {
        let failure = files.check_output(restart).unwrap_err();
        assert!(failure.message().contains("is there already"), "{failure:?}");
    }
    files.close(&mut file, "", &mut journal).unwrap();
    assert!(files.end(&mut journal).unwrap_err().message().contains("is there already"));
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "mine");
    drop(files);
    // The whole waits for its name.
    let files = Files::lock(&output, true).unwrap();
    files.check_output(false).unwrap();
    let Left::Whole(mut journal) = files.open(&wish()).unwrap() else { panic!("it is whole") };
    files.end(&mut journal).unwrap();
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "a\n1\n");
}

#[cfg(unix)]
#[test]
fn links_that_somebody_planted_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    run(folder.path(), 3);
    std::fs::write(at("victim"), "precious, and longer than the part").unwrap();
    std::fs::remove_file(at("a.csv.part")).unwrap();
    symlink(at("victim"), at("a.csv.part")).unwrap();
    let files = Files::lock(&at("a.csv"), false).unwrap();
    let Err(failure) = files.open(&wish()) else { panic!("it goes on with another file") };
    assert!(failure.message().contains("a.csv.part` is no regular file"), "{failure:?}");
    std::fs::rename(at("a.csv.export-journal"), at("journal")).unwrap();
    symlink(at("journal"), at("a.csv.export-journal")).unwrap();
    let Err(failure) = files.open(&wish()) else { panic!("it reads another journal") };
    assert!(failure.message().contains("a.csv.export-journal` is no regular file"), "{failure:?}");
    assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "precious, and longer than the part");
}

#[test]
fn what_is_no_journal_of_an_export_is_not_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let files = Files::lock(&at("a.csv"), false).unwrap();
    std::fs::write(at("a.csv.part"), "x").unwrap();
    for text in ["{", "notes\n", "{\"load\":1}\n", "{\"version\":1,\"wish\":{}}"] {
        std::fs::write(at("a.csv.export-journal"), text).unwrap();
        let failure = files.forget().unwrap_err();
        assert!(failure.hints()[0].contains("by hand"), "{failure:?}");
        assert_eq!(std::fs::read_to_string(at("a.csv.export-journal")).unwrap(), text);
        assert!(at("a.csv.part").exists());
    }
    let newer = "{\"version\":2,\"wish\":{\"more\":1},\"bytes\":7,\"more\":1}";
    std::fs::write(at("a.csv.export-journal"), newer).unwrap();
    let Err(failure) = files.open(&wish()) else { panic!("it is of another version") };
    assert!(failure.hints()[0].contains("--restart"), "{failure:?}");
    files.forget().unwrap();
    assert!(!at("a.csv.export-journal").exists() && !at("a.csv.part").exists());
}

#[test]
fn what_a_killed_run_was_about_to_write_is_swept_away_with_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in [".a.csv.export-journal.17.new", ".b.csv.export-journal.17.new"] {
        std::fs::write(at(name), "{").unwrap();
    }
    let files = Files::lock(&at("a.csv"), false).unwrap();
    let (mut journal, _) = open(&files);
    files.end(&mut journal).unwrap();
    assert!(
        !at(".a.csv.export-journal.17.new").exists() && at(".b.csv.export-journal.17.new").exists(),
        "others' stay"
    );
}

#[test]
fn what_differs_is_told() {
    let other = |change: fn(&mut Wish)| {
        let mut other = wish();
        change(&mut other);
        wish().differs(&other)
    };
    assert_eq!(other(|_| {}), None);
    assert_eq!(other(|wish| wish.caller = "b".to_owned()).unwrap(), "its caller was `a`, not `b`");
    assert!(other(|wish| wish.select.push("x".to_owned())).unwrap().contains("--select"));
    assert!(other(|wish| wish.annotations = true).unwrap().contains("--annotations"));
    assert_eq!(other(|wish| wish.page_size = Some(50)).unwrap(), "its `--page-size` was 200, not 50");
    assert_eq!(other(|wish| wish.page_size = None).unwrap(), "its `--page-size` was 200, not the org's own");
}
