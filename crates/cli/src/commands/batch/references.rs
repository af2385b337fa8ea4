//! References in a body to what another change makes: `"account@odata.bind": "$firm"`.

/// The JSON text with each reference in `@odata.bind` and `@odata.id` replaced by the number that `resolve` gives; all
/// else stays as it was written, digit by digit.
///
/// # Errors
/// What `resolve` says of a name.
pub(super) fn with_references(json: &str, resolve: impl Fn(&str) -> Result<usize, String>) -> Result<String, String> {
    if !json.contains("\"$") {
        return Ok(json.to_owned());
    }
    let mut text = String::with_capacity(json.len());
    // Whether what stands behind the last member's name refers to rows.
    let mut refers = false;
    let mut rest = json;
    while let Some(from) = rest.find('"') {
        let end = string_end(&rest[from + 1..]).ok_or("has a text without an end")?;
        let (inside, behind) = (&rest[from + 1..from + 1 + end], &rest[from + 2 + end..]);
        text.push_str(&rest[..=from]);
        match inside.strip_prefix('$') {
            _ if behind.trim_start().starts_with(':') => {
                refers = inside.ends_with("@odata.bind") || inside == "@odata.id";
                text.push_str(inside);
            }
            Some(made) if refers => {
                let (id, below) = made.split_once('/').map_or((made, None), |(id, below)| (id, Some(below)));
                text.push_str(&format!("${}", resolve(id)?));
                text.extend(below.map(|below| format!("/{below}")));
            }
            _ => text.push_str(inside),
        }
        text.push('"');
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}

/// Where the quote is that ends a text.
fn string_end(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_where_rows_are_named_and_nowhere_else() {
        let resolve = |id: &str| if id == "firm" { Ok(7) } else { Err(format!("no {id}")) };
        let read = |json: &str| with_references(json, resolve);
        let given = r#"{"n": 1.50, "t": "$firm", "a@odata.bind" : "$firm", "b@odata.bind": ["/x(1)", "$firm/y"], "c": "$none"}"#;
        let expected =
            r#"{"n": 1.50, "t": "$firm", "a@odata.bind" : "$7", "b@odata.bind": ["/x(1)", "$7/y"], "c": "$none"}"#;
        assert_eq!(read(given).unwrap(), expected);
        assert_eq!(
            read(r#"{"@odata.id":"$firm","q\"@odata.bind":"\\","z":"$"}"#).unwrap(),
            r#"{"@odata.id":"$7","q\"@odata.bind":"\\","z":"$"}"#
        );
        assert_eq!(read(r#"{"a@odata.bind": "$none"}"#).unwrap_err(), "no none");
    }
}
