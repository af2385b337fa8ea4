use super::*;
use proptest::prelude::*;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

const CURRENT: &str = "Principal user (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=8, roleCount=1, privilegeCount=9, \
    accessMode='4 Non-interactive', AADObjectId='5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12', MetadataCachePrivilegesCount=5214, \
    businessUnitId=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c13), is missing prvReadContact privilege \
    (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c14) on OTC=2 for entity 'contact' (LocalizedName='Contact'). \
    context.Caller=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11. Consider adding missed privilege to one of the principal \
    (user/team) roles.";

#[test]
fn a_missing_privilege_is_read_from_each_form_of_the_text() {
    let read = MissingPrivilege::read(CURRENT).unwrap();
    assert_eq!(read.name, "prvReadContact");
    assert_eq!(read.table.as_deref(), Some("contact"));
    assert_eq!(read.principal.unwrap().to_string(), "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11");
    assert_eq!(
        read.sentence(),
        "the user 5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11 lacks the privilege prvReadContact on the table contact: add it to one of its security roles"
    );

    let old = "Principal user (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=8) is missing prvReadUserQuery privilege (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c14)";
    let read = MissingPrivilege::read(old).unwrap();
    assert_eq!((read.name.as_str(), read.table, read.principal_is_team), ("prvReadUserQuery", None, false));

    let team = "Principal team (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=9, teamType=0), is missing prvCreatenew_Thing privilege (Id=x)";
    let read = MissingPrivilege::read(team).unwrap();
    assert_eq!((read.name.as_str(), read.principal_is_team), ("prvCreatenew_Thing", true));

    assert_eq!(MissingPrivilege::read("is missing something"), None);
    assert_eq!(MissingPrivilege::read(""), None);
}

#[test]
fn a_dataverse_refusal_keeps_code_message_and_request_id() {
    let body = serde_json::json!({"error": {"code": "0x80040220", "message": CURRENT}}).to_string();
    let refusal =
        DataverseRefusal::read("GET contacts", &answer(403, &[("x-ms-service-request-id", "abc")], &body)).unwrap();
    assert_eq!(refusal.kind(), ErrorKind::NotAllowed);
    assert_eq!(refusal.missing_privilege.as_ref().unwrap().name, "prvReadContact");
    let text = refusal.to_string();
    assert!(text.starts_with("the org refused GET contacts: Principal user"), "{text}");
    assert!(text.ends_with("(HTTP 403, 0x80040220, request id abc)"), "{text}");
    assert!(refusal.hints()[0].contains("prvReadContact"));
}

#[test]
fn a_row_beyond_the_depth_of_a_privilege_is_told_from_a_missing_one() {
    let message = "Principal with id 5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11 does not have ReadAccess, WriteAccess \
        right(s) for record with id 7a1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12 of entity new_thing. Consider more.";
    let body = serde_json::json!({"error": {"code": "0x80048306", "message": message}}).to_string();
    let refusal = DataverseRefusal::read("PATCH new_things(x)", &answer(403, &[], &body)).unwrap();
    assert_eq!(refusal.missing_privilege, None);
    let missing = refusal.missing_access.as_ref().unwrap();
    assert_eq!((missing.rights.len(), missing.table.as_str()), (2, "new_thing"));
    assert_eq!(missing.row.to_string(), "7a1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12");
    assert!(refusal.hints()[0].contains("more depth"), "{:?}", refusal.hints());
    for other in ["", "Principal with id x does not have y right(s) for record with id z of entity a", CURRENT] {
        assert_eq!(MissingAccess::read(other), None);
    }
}

#[test]
fn codes_are_compared_whatever_their_case() {
    let body = r#"{"error":{"code":"0x80042F09","message":"no roles"}}"#;
    let refusal = DataverseRefusal::read("GET contacts", &answer(403, &[], body)).unwrap();
    assert_eq!(refusal.code, "0x80042f09");
    assert!(refusal.hints()[0].contains("role"), "{:?}", refusal.hints());
}

#[test]
fn a_token_refusal_loses_its_trace_but_not_its_correlation_id() {
    for separator in ["\r\n", " "] {
        let description =
            ["AADSTS7000215: Invalid client secret provided.", "Trace ID: t", "Correlation ID: c"].join(separator);
        let body = serde_json::json!({
            "error": "invalid_client", "error_description": description, "error_codes": [7_000_215], "correlation_id": "c",
        });
        let refusal = TokenRefusal::read("https://login.example/t", &answer(401, &[], &body.to_string())).unwrap();
        assert_eq!(refusal.code, Some(7_000_215));
        assert_eq!(
            refusal.to_string(),
            "the token service https://login.example/t refused: AADSTS7000215: Invalid client secret provided. (correlation id c)"
        );
        assert_eq!(refusal.hints().len(), 1);
        assert_eq!(refusal.kind(), ErrorKind::NotAllowed);
    }
}

#[test]
fn a_number_is_found_in_the_text_where_the_list_is_missing() {
    let body = r#"{"error":"invalid_request","error_description":"AADSTS90002: Tenant 'x' not found."}"#;
    let refusal = TokenRefusal::read("https://login.example/x", &answer(400, &[], body)).unwrap();
    assert_eq!((refusal.code, refusal.kind()), (Some(90002), ErrorKind::Configuration));
}

#[test]
fn a_graph_refusal_takes_its_request_id_from_header_or_body() {
    let body = r#"{"error":{"code":"Request_ResourceNotFound","message":"gone","innerError":{"request-id":"r1"}}}"#;
    let refusal = GraphRefusal::read("GET /applications/1", &answer(404, &[], body)).unwrap();
    assert_eq!(refusal.request_id.as_deref(), Some("r1"));
    let refusal = GraphRefusal::read("GET /applications/1", &answer(404, &[("request-id", "r2")], body)).unwrap();
    assert_eq!(refusal.request_id.as_deref(), Some("r2"));
}

#[test]
fn html_is_no_refusal() {
    let page = answer(404, &[], "<html><body>Not here</body></html>");
    assert!(DataverseRefusal::read("GET x", &page).is_none());
    assert!(GraphRefusal::read("GET x", &page).is_none());
    assert!(TokenRefusal::read("https://x/", &page).is_none());
}

#[test]
fn messages_cannot_paint_over_a_terminal_or_fill_it() {
    let body =
        serde_json::json!({"error": {"code": "", "message": format!("\u{1b}[2J{}", "x".repeat(10_000))}}).to_string();
    let refusal = DataverseRefusal::read("GET x", &answer(400, &[], &body)).unwrap();
    assert!(!refusal.message.contains('\u{1b}'));
    assert!(refusal.message.chars().count() <= MESSAGE_LIMIT + 1);
}

proptest! {
    #[test]
    fn no_message_makes_reading_panic(message: String) {
        let _ = MissingPrivilege::read(&message);
        let _ = MissingPrivilege::read(&format!("Principal user (Id={message} is missing prv{message}"));
        let _ = MissingAccess::read(&format!("Principal with id {message} does not have {message} right(s) for record with id "));
    }
}
