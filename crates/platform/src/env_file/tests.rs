use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<EnvFile, EnvFileError> {
    EnvFile::parse(Path::new("test.env"), text)
}

fn value(text: &str) -> String {
    let file = parse(&format!("X={text}")).unwrap();
    file.variables().first().unwrap().value.expose().to_owned()
}

#[test]
fn reads_what_shells_and_docker_write() {
    let text = "\u{feff}# a comment\r\n\r\nexport A=one\r\n  B = two words # and a comment\r\nC='#\"$x'\r\nD=\"a\\\"b\\nc\" # x\r\nE=\r\n";
    let file = parse(text).unwrap();
    let values: Vec<_> = file.variables().iter().map(|v| (v.name.as_str(), v.value.expose(), v.line)).collect();
    assert_eq!(values, [("A", "one", 3), ("B", "two words", 4), ("C", "#\"$x", 5), ("D", "a\"b\nc", 6), ("E", "", 7)]);
    assert!(file.get("E").is_none(), "empty counts as not set");
    assert_eq!(file.get("A").unwrap().line, 3);
}

#[test]
fn signs_inside_bare_values_stay() {
    assert_eq!(value("abc#8Q~x=="), "abc#8Q~x==");
    assert_eq!(value("a'b\"c"), "a'b\"c");
    assert_eq!(value("$HOME/`x`"), "$HOME/`x`");
    assert_eq!(value("#"), "");
    assert_eq!(value(r#""\d\\d""#), r"\d\d");
}

#[test]
fn a_bad_line_is_named_by_its_number_and_never_shown() {
    for (line, says) in [
        ("hunter2", "no `=`"),
        ("2A=hunter2", "no variable name"),
        ("A B=hunter2", "no variable name"),
        ("=hunter2", "no variable name"),
        ("A='hunter2", "not closed"),
        ("A=\"hunter2\\\"", "not closed"),
        ("A='hunter2' hunter2", "behind the closing quote"),
        ("A=\"x\"hunter2", "behind the closing quote"),
        ("A=hunter2\0", "zero byte"),
        ("FIRST=hunter2", "second time (first on line 1)"),
    ] {
        let error = parse(&format!("FIRST=x\n{line}\n")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(error.to_string().starts_with("`test.env` line 2: "), "{text}");
        assert!(text.contains(says), "{line}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn formatting_a_file_shows_no_value() {
    let file = parse("A=hunter2").unwrap();
    assert!(!format!("{file:?}").contains("hunter2"));
}

#[test]
fn a_file_that_others_may_read_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.env");
    crate::write_private(&path, b"A=1\n").unwrap();
    assert!(!EnvFile::read(&path).unwrap().is_exposed);
    let missing = EnvFile::read(&folder.path().join("b.env")).unwrap_err();
    assert!(missing.to_string().contains("b.env"), "{missing}");
}

proptest! {
    #[test]
    fn print_then_parse_is_the_same(values in prop::collection::vec("[^\0]{0,40}", 0..6)) {
        let names: Vec<_> = (0..values.len()).map(|index| format!("NAME_{index}")).collect();
        let pairs = names.iter().map(String::as_str).zip(values.iter().map(String::as_str));
        let printed = print("two\nlines", pairs);
        let file = parse(printed.expose()).unwrap();
        let read: Vec<_> = file.variables().iter().map(|v| v.value.expose().to_owned()).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[A-C=#'\"\\\\$ \t\r\nexport\u{0}-\u{ff}]{0,60}") {
        let _ = parse(&text);
    }
}
