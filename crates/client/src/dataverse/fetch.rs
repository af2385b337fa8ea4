//! FetchXML documents: which table they are of, and how a further page is asked for ("Page results using FetchXML").
//!
//! Only start tags are looked at; what a document means is the org's to say.

use std::fmt::Write;

use percent_encoding::percent_decode_str;

use super::text::{quote, segment};
use super::{Dataverse, Query, Row};
use crate::error::{ConfigurationError, Error};

/// What an answer notes beside the rows of a page that others follow.
pub(super) const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
pub(super) const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";

/// What one page tells of the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Whether there are further rows.
    pub(super) has_more: bool,
    /// Where they begin, as the document is to have it.
    cookie: Option<String>,
}

impl Told {
    /// Takes it out of an answer. Versions without the note `morerecords` have a cookie only where there are more.
    pub(super) fn take(answer: &mut Row) -> Self {
        let cookie = answer.remove(&format!("@{COOKIE}"));
        let more = answer.remove(&format!("@{MORE}")).and_then(|more| more.as_bool());
        Self::of(cookie.as_ref().and_then(|cookie| cookie.as_str()), more)
    }

    /// The same of notes that were taken out already.
    pub(super) fn of(cookie: Option<&str>, more: Option<bool>) -> Self {
        let cookie = cookie.and_then(cookie_in);
        Self { has_more: more.unwrap_or(cookie.is_some()), cookie }
    }
}

/// The cookie inside `<cookie pagenumber="2" pagingcookie="..." istracking="False" />`, which is percent-encoded twice.
fn cookie_in(note: &str) -> Option<String> {
    let tag = tag(note, "cookie")?;
    let twice = tag.attribute("pagingcookie")?;
    let once = percent_decode_str(twice).decode_utf8().ok()?;
    Some(percent_decode_str(&once).decode_utf8().ok()?.into_owned())
}

/// A document whose pages are asked for one after another.
#[derive(Debug, Clone)]
pub(super) struct Paging {
    query: Query,
    page: u32,
}

impl Paging {
    /// Nothing for a query without a document, and for a document that names its page: it is that page alone.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let document = query.document()?;
        tag(document, "fetch")?.attribute("page").is_none().then(|| Self { query: query.clone(), page: 1 })
    }

    /// The page that was asked for last.
    pub(super) fn page(&self) -> u32 {
        self.page
    }

    /// The same with so many pages asked for.
    pub(super) fn on_page(self, page: u32) -> Self {
        Self { page, ..self }
    }

    /// The query for the page after the last one, of which this was told.
    pub(super) fn next(&mut self, told: &Told) -> Option<Query> {
        let document = self.query.document().filter(|_| told.has_more)?;
        let tag = tag(document, "fetch")?;
        self.page = self.page.checked_add(1)?;
        let mut next = format!("{}<fetch page=\"{}\"", &document[..tag.from], self.page);
        if let Some(cookie) = &told.cookie {
            let _ = write!(next, " paging-cookie=\"{}\"", escaped(cookie));
        }
        for (name, value) in tag.attributes.iter().filter(|(name, _)| *name != "paging-cookie") {
            // As it stood there; a double quote in it was in single quotes.
            let _ = write!(next, " {name}=\"{}\"", value.replace('"', "&quot;"));
        }
        next.push_str(if tag.is_empty { "/>" } else { ">" });
        next.push_str(&document[tag.to..]);
        Some(self.query.with_document(next))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A start tag: where it stands, and its attributes' names and values as they are written.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    from: usize,
    to: usize,
    attributes: Vec<(&'a str, &'a str)>,
    pub(super) is_empty: bool,
}

/// A tag that was found, its attributes not read yet; the name of an end tag begins with `/`.
struct Found<'a> {
    from: usize,
    to: usize,
    name: &'a str,
    attributes: &'a str,
    is_empty: bool,
}

impl<'a> Found<'a> {
    fn tag(self) -> Option<Tag<'a>> {
        let Self { from, to, attributes, is_empty, .. } = self;
        Some(Tag { from, to, attributes: attributes_in(attributes)?, is_empty })
    }
}

/// Where an element begins, or ends.
pub(super) enum Element<'a> {
    Start { name: &'a str, tag: Tag<'a> },
    End(&'a str),
}

impl<'a> Tag<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// The first start tag of that name.
fn tag<'a>(text: &'a str, wanted: &str) -> Option<Tag<'a>> {
    let mut at = 0;
    loop {
        let found = next(text, &mut at)?;
        if found.name == wanted {
            return found.tag();
        }
    }
}

/// The elements of a document as they begin and end; those whose attributes are none are left out.
pub(super) fn elements(text: &str) -> impl Iterator<Item = Element<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found = next(text, &mut at)?;
            match found.name.strip_prefix('/') {
                Some(name) => return Some(Element::End(name)),
                None => {
                    let name = found.name;
                    if let Some(tag) = found.tag() {
                        return Some(Element::Start { name, tag });
                    }
                }
            }
        }
    })
}

/// The next tag from there on, outside comments and processing instructions.
fn next<'a>(text: &'a str, at: &mut usize) -> Option<Found<'a>> {
    loop {
        let from = *at + text[*at..].find('<')?;
        let rest = &text[from..];
        if rest.starts_with("<!--") {
            *at = from + rest.find("-->")? + 3;
            continue;
        }
        if rest.starts_with("<?") {
            *at = from + rest.find("?>")? + 2;
            continue;
        }
        let mut open = None;
        let end = rest.char_indices().find(|(_, character)| {
            match (open, character) {
                (None, '"' | '\'') => open = Some(*character),
                (Some(quote), character) if quote == *character => open = None,
                _ => {}
            }
            open.is_none() && *character == '>'
        });
        let end = end?.0;
        let inside = &rest[1..end];
        let (inside, is_empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        *at = from + end + 1;
        return Some(Found { from, to: *at, name, attributes, is_empty });
    }
}

fn attributes_in(mut text: &str) -> Option<Vec<(&str, &str)>> {
    let mut all = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Some(all);
        }
        let (name, rest) = text.split_once('=')?;
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|quote| "'\"".contains(*quote))?;
        let (value, rest) = rest[1..].split_once(quote)?;
        if name.contains(['"', '\'']) {
            return None;
        }
        all.push((name.trim(), value));
        text = rest;
    }
}

impl Dataverse {
    /// The query of a FetchXML document, in whose entity set the org is asked for by the table's name.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let document = "<fetch><entity name='contact'><attribute name='fullname'/></entity></fetch>";
    /// let mut pages = org.query(org.fetch(document).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] for a text without `<fetch>` and `<entity name=...>`, [`Error::Dataverse`] with
    /// 404 when there is no such table, and what the request came to.
    pub async fn fetch(&self, document: &str) -> Result<Query, Error> {
        let root = tag(document, "fetch");
        let entity = root.and_then(|root| tag(&document[root.to..], "entity")?.attribute("name").map(str::to_owned));
        let Some(entity) = entity else {
            return Err(ConfigurationError::Invalid {
                what: "the query",
                problem: "is no FetchXML: it has no `<fetch>` with an `<entity name=\"...\">`".to_owned(),
                origin: crate::error::refusal::cut(document),
            }
            .into());
        };
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Definition {
            entity_set_name: String,
        }
        let path = format!("EntityDefinitions(LogicalName={})?$select=EntitySetName", segment(&quote(&entity)));
        let definition: Result<Definition, Error> = self.get_as(path).await;
        match definition {
            // How the set is asked for is nothing that whoever wrote the document knows of.
            Err(Error::Dataverse(mut refusal)) if refusal.status == 404 => {
                refusal.request = format!("FetchXML of the table `{entity}`");
                "it has no table of that name".clone_into(&mut refusal.message);
                Err(Error::Dataverse(refusal))
            }
            definition => Ok(Query::fetch_xml(&definition?.entity_set_name, document)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(has_more: bool, cookie: Option<&str>) -> Told {
        Told { has_more, cookie: cookie.map(str::to_owned) }
    }

    #[test]
    fn a_further_page_is_asked_for_in_the_document() {
        let document = "<?xml version='1.0'?><!-- <fetch page='7'> -->\n\
             <fetch count='2' x='a>\"b'><entity name='a'/></fetch>";
        let mut paging = Paging::of(&Query::fetch_xml("contacts", document)).unwrap();
        let next = paging.next(&told(true, Some("<cookie page=\"1\"/>"))).unwrap();
        assert_eq!(
            next.document().unwrap(),
            "<?xml version='1.0'?><!-- <fetch page='7'> -->\n<fetch page=\"2\" \
             paging-cookie=\"&lt;cookie page=&quot;1&quot;/&gt;\" count=\"2\" x=\"a>&quot;b\"><entity name='a'/></fetch>"
        );
        assert!(paging.next(&told(true, None)).unwrap().document().unwrap().contains("<fetch page=\"3\" count"));
        assert!(paging.next(&told(false, None)).is_none());
        assert!(Paging::of(&Query::fetch_xml("contacts", "<fetch page='2'></fetch>")).is_none(), "that page alone");
        assert!(Paging::of(&Query::rows("contacts")).is_none());
    }

    #[test]
    fn what_an_answer_notes_is_read() {
        let note = "<cookie pagenumber=\"2\" pagingcookie=\"%253ccookie%2520page%253d%25221%2522%253e\" \
                    istracking=\"False\" />";
        let mut answer = json!({"@Microsoft.Dynamics.CRM.fetchxmlpagingcookie": note, "value": []});
        let read = Told::take(answer.as_object_mut().unwrap());
        assert_eq!((read.has_more, read.cookie.as_deref()), (true, Some("<cookie page=\"1\">")));
        let mut last = json!({"@Microsoft.Dynamics.CRM.morerecords": false, "value": []});
        assert!(!Told::take(last.as_object_mut().unwrap()).has_more);
        assert!(!Told::take(&mut Row::new()).has_more);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(text: String, inside: String) {
            for document in [text.clone(), format!("<fetch {inside}>{text}"), format!("<fetch a='{inside}'/>")] {
                if let Some(mut paging) = Paging::of(&Query::fetch_xml("x", document)) {
                    let next = paging.next(&told(true, Some(&inside))).unwrap();
                    proptest::prop_assert_eq!(
                        tag(next.document().unwrap(), "fetch").unwrap().attribute("page"),
                        Some("2")
                    );
                }
            }
        }
    }
}
